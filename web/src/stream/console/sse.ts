// The second transport: server-sent events read by `fetch`, which can send a bearer token, and POSTs the other way.
import { SseParser } from '../sse';
import type { ConsoleApi } from './api';
import { endOfAnswer } from './ends';
import { HttpLink } from './http-link';
import { parseText } from './protocol';
import type { Transport } from './transport';

/** To the first byte: a proxy that collects a stream gives none. Sessions and the system's state answer at once. */
export const FIRST_BYTES_MS = 6_000;
/** Log lines may be long in coming; then the first heartbeat is what comes. */
export const FIRST_BYTES_QUIET_MS = 20_000;
/** The host sends a comment every 15 s. */
export const SILENCE_MS = 45_000;

export function sseTransport(api: ConsoleApi): Transport {
  return { kind: 'sse', open: (options) => new SseLink(api, options) };
}

class SseLink extends HttpLink {
  readonly kind = 'sse';
  private timer: ReturnType<typeof setTimeout> | undefined;

  override close(): void {
    clearTimeout(this.timer);
    super.close();
  }

  protected async read(signal: AbortSignal): Promise<void> {
    const subscriptions = this.places();
    const answersAtOnce = subscriptions.some(({ channel }) => channel === 'commands' || channel === 'system');
    this.watch(answersAtOnce ? FIRST_BYTES_MS : FIRST_BYTES_QUIET_MS, true);
    const query = { client: this.options.client, subscribe: JSON.stringify(subscriptions) };
    const response = await this.api.events(query, 'text/event-stream', signal);
    if (!response.ok) {
      const problem = await this.api.problem(response);
      if (!signal.aborted) this.end(endOfAnswer(problem));
      return;
    }
    const reader = response.body?.getReader();
    const parser = new SseParser();
    while (reader) {
      const { done, value } = await reader.read();
      if (done || signal.aborted) return;
      this.watch(SILENCE_MS, false);
      this.alive();
      for (const { data } of parser.push(value)) {
        const framed = parseText(data);
        // Awaited: a terminal that is behind slows the reading, and so the host.
        if (framed) await this.options.sink.onEvent(framed);
        if (signal.aborted) return;
      }
    }
  }

  private watch(ms: number, blocked: boolean): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.end({ final: false, blocked }), ms);
  }
}
