// Follows one event stream to its end across lost connections. Knows cursors and back-off; knows no UI and no endpoint.
import { asProblem, problemFrom, type ApiProblem } from '../api/problem';
import { backoffMs } from './backoff';
import { SseParser, type SseEvent } from './sse';

/** The host sends a comment every 15 s; three of them missing means that the connection is dead. */
const SILENCE_MS = 45_000;

export type FollowState = 'connecting' | 'open' | 'waiting' | 'ended' | 'failed';

/** How a connection is made. A test gives its own; a later multiplexed connection is another one. */
export interface Transport {
  open(cursor: string | undefined, signal: AbortSignal): Promise<Response>;
}

export interface FollowOptions {
  transport: Transport;
  signal: AbortSignal;
  cursor?: string;
  /** Awaited: a slow consumer slows the reading, and so the host. Answer 'end' to stop after this event. */
  onEvent: (event: SseEvent) => void | 'end' | Promise<void | 'end'>;
  onState?: (state: FollowState, problem?: ApiProblem) => void;
  /** The host no longer has what follows the cursor (410); following goes on from the oldest it has. */
  onGap?: () => void;
  random?: () => number;
  sleep?: (ms: number, signal: AbortSignal) => Promise<void>;
}

/**
 * Resolves when the consumer said 'end', the signal aborted, or the host refused for good; never rejects.
 * A connection that merely closed (a restart, a proxy) is opened again after the last event seen.
 */
export async function follow(options: FollowOptions): Promise<void> {
  const { signal, onState } = options;
  const random = options.random ?? Math.random;
  const sleep = options.sleep ?? sleepUnlessAborted;
  let cursor = options.cursor;
  let failures = 0;
  let retryMs: number | undefined;
  while (!signal.aborted) {
    onState?.('connecting');
    let problem: ApiProblem | undefined;
    try {
      if (await connectOnce()) {
        if (!signal.aborted) onState?.('ended');
        return;
      }
    } catch (error) {
      if (signal.aborted) return;
      problem = asProblem(error);
      if (problem.status === 410 && cursor !== undefined) {
        cursor = undefined;
        options.onGap?.();
        continue;
      }
      if (isFinal(problem)) {
        onState?.('failed', problem);
        return;
      }
    }
    failures += 1;
    onState?.('waiting', problem);
    const wait = Math.max(backoffMs(failures, random), Math.min(problem?.retryAfterMs ?? retryMs ?? 0, 60_000));
    await sleep(wait, signal);
  }

  async function connectOnce(): Promise<boolean> {
    const attempt = new AbortController();
    const stop = () => attempt.abort();
    signal.addEventListener('abort', stop, { once: true });
    try {
      const response = await options.transport.open(cursor, attempt.signal);
      if (!response.ok) {
        throw problemFrom(response.status, await response.text(), response.headers.get('Retry-After'));
      }
      if (!response.body) return false;
      onState?.('open');
      return await pump(response.body.getReader(), attempt);
    } finally {
      signal.removeEventListener('abort', stop);
      attempt.abort();
    }
  }

  async function pump(reader: ReadableStreamDefaultReader<Uint8Array>, attempt: AbortController): Promise<boolean> {
    const parser = new SseParser();
    for (;;) {
      const watchdog = setTimeout(() => attempt.abort(), SILENCE_MS);
      const { done, value } = await reader.read().finally(() => clearTimeout(watchdog));
      if (done) return false;
      for (const event of parser.push(value)) {
        if (signal.aborted) return true;
        const verdict = await options.onEvent(event);
        // Only after the consumer has it: what was lost in between comes again.
        if (event.id !== '') cursor = event.id;
        failures = 0;
        if (verdict === 'end') return true;
      }
      retryMs = parser.retryMs ?? retryMs;
    }
  }
}

/** Asking again would be answered the same way. */
function isFinal(problem: ApiProblem): boolean {
  return problem.status >= 400 && problem.status < 500 && problem.status !== 408 && problem.status !== 410 && problem.status !== 429;
}

function sleepUnlessAborted(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
  });
}
