// The transport of today: `fetch` with a bearer token, because EventSource cannot send one.
import type { Client } from '../api/client';
import type { Transport } from './follow';

export function httpTransport(client: Client, path: string): Transport {
  return {
    open(cursor, signal) {
      const headers: Record<string, string> = { Accept: 'text/event-stream', 'Cache-Control': 'no-cache' };
      if (cursor !== undefined) headers['Last-Event-ID'] = cursor;
      return client.send(path, { headers, signal });
    },
  };
}
