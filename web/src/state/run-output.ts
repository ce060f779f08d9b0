// What one run writes, and its end: over the page's one connection, or by a stream of its own for who only reads.
import { client } from '../api/client';
import { outputPath } from '../api/endpoints';
import { ApiProblem, asProblem } from '../api/problem';
import type { OutputEvent, Run } from '../api/types';
import { base64ToBytes } from '../lib/bytes';
import type { ConsoleConnection } from '../stream/console/connection';
import { follow, type FollowState } from '../stream/follow';
import { httpTransport } from '../stream/http';
import { runShared, type Running } from './shared-feed';

/** Bytes that wait to be shown. Beyond this the connection is left until all are; the host keeps the rest. */
export const MAX_BEHIND_BYTES = 1024 * 1024;

export interface OutputSink {
  /** Awaited before the next: a terminal shows only so much at a time. */
  write: (stream: 'stdout' | 'stderr', bytes: Uint8Array) => Promise<void>;
  /** Bytes that are no longer kept. */
  gap: () => void;
  /** Everything begins anew. */
  reset: () => void;
  ended: (run: Run) => void;
  state: (state: FollowState, problem: ApiProblem | undefined) => void;
}

export function followRun(connection: ConsoleConnection, tenant: string, id: string, sink: OutputSink, signal: AbortSignal): void {
  const at = { stdout: 0, stderr: 0 };
  let behindBytes = 0;
  let last: Promise<void> = Promise.resolve();
  const write = (stream: 'stdout' | 'stderr', bytes: Uint8Array) => {
    behindBytes += bytes.length;
    if (behindBytes > MAX_BEHIND_BYTES) running.rest();
    last = last.then(async () => {
      if (!signal.aborted) await sink.write(stream, bytes);
      behindBytes -= bytes.length;
      if (behindBytes === 0) running.resume();
    });
  };
  const subscribe = () =>
    connection.subscribe({ channel: 'output', run: id, from: `${at.stdout}.${at.stderr}` }, (event) => {
      if (event.type === 'bytes' && event.stream !== 'terminal') {
        at[event.stream] = event.offset + event.bytes.length;
        write(event.stream, event.bytes);
      } else if (event.type === 'gap') {
        at[event.stream ?? 'stdout'] = event.to;
        sink.gap();
      } else if (event.type === 'exit') {
        running.rest();
        over = true;
        if (event.run) sink.ended(event.run);
        sink.state('ended', undefined);
      } else if (event.type === 'error') {
        running.rest();
        over = true;
        sink.state('failed', new ApiProblem({ code: event.code, title: 'The output cannot be followed', detail: event.detail }));
      }
    });
  let over = false;
  const alone = () => followAlone(tenant, id, sink, signal);
  const shared = runShared(connection, { subscribe, alone, state: (state, problem) => over || sink.state(state, problem) }, signal);
  const running: Running = { ...shared, resume: () => over || shared.resume() };
}

function followAlone(tenant: string, id: string, sink: OutputSink, signal: AbortSignal): void {
  void follow({
    transport: httpTransport(client, outputPath(tenant, id)),
    signal,
    onEvent: async (event) => {
      if (event.event === 'output') {
        const { stream, data } = JSON.parse(event.data) as OutputEvent;
        await sink.write(stream, base64ToBytes(data));
      } else if (event.event === 'gap') {
        sink.gap();
      } else if (event.event === 'exit') {
        sink.ended(JSON.parse(event.data) as Run);
        return 'end';
      }
    },
    onState: sink.state,
    onGap: () => {
      sink.reset();
      sink.gap();
    },
  }).catch((error: unknown) => sink.state('failed', asProblem(error)));
}
