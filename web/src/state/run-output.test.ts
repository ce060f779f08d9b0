// A run's output over a connection that is open, refused, or faster than the screen.
import { expect, test, vi } from 'vitest';
import { ApiProblem } from '../api/problem';
import type { Run } from '../api/types';
import type { ConsoleConnection, ConsoleState, Handler } from '../stream/console/connection';
import { followRun, MAX_BEHIND_BYTES } from './run-output';

function fakeConnection() {
  let state: ConsoleState = { phase: 'open', transport: 'websocket', problem: undefined, retryAtMs: undefined };
  const listeners = new Set<() => void>();
  const asked: unknown[] = [];
  let handler: Handler | undefined;
  const connection = {
    getState: () => state,
    onState: (listener: () => void) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    subscribe: (spec: unknown, handle: Handler) => {
      asked.push(spec);
      handler = handle;
      return { unsubscribe: () => (handler = undefined) };
    },
  };
  return {
    connection: connection as unknown as ConsoleConnection,
    asked,
    isFollowed: () => handler !== undefined,
    tell: (event: Parameters<Handler>[0]) => void handler?.(event),
    become: (next: Partial<ConsoleState>) => {
      state = { ...state, ...next };
      for (const listener of [...listeners]) listener();
    },
  };
}

function fakeSink() {
  const shown: string[] = [];
  const waiting: (() => void)[] = [];
  const sink = {
    slow: false,
    write: (stream: string, bytes: Uint8Array) => {
      shown.push(`${stream}:${bytes.length > 40 ? bytes.length : new TextDecoder().decode(bytes)}`);
      return sink.slow ? new Promise<void>((resolve) => waiting.push(resolve)) : Promise.resolve();
    },
    gap: vi.fn(),
    reset: vi.fn(),
    ended: vi.fn(),
    state: vi.fn(),
  };
  return { sink, shown, catchUp: () => waiting.splice(0).forEach((done) => done()) };
}

const text = (value: string) => new TextEncoder().encode(value);
const settled = () => new Promise((resolve) => setTimeout(resolve, 5));

test('both streams are shown in the order in which they came, and the end ends it', async () => {
  const host = fakeConnection();
  const { sink, shown } = fakeSink();
  followRun(host.connection, 'acme', 'run_1', sink, new AbortController().signal);
  host.tell({ type: 'bytes', stream: 'stdout', offset: 0, bytes: text('one ') });
  host.tell({ type: 'bytes', stream: 'stderr', offset: 0, bytes: text('two ') });
  host.tell({ type: 'bytes', stream: 'stdout', offset: 4, bytes: text('three') });
  host.tell({ type: 'exit', run: { id: 'run_1' } as Run });
  await settled();
  expect(shown).toEqual(['stdout:one ', 'stderr:two ', 'stdout:three']);
  expect(sink.ended).toHaveBeenCalledWith({ id: 'run_1' });
  expect(host.isFollowed()).toBe(false);
  expect(sink.state).toHaveBeenLastCalledWith('ended', undefined);
  // A cut of the connection is none of an ended run's business.
  host.become({ phase: 'waiting' });
  expect(sink.state).toHaveBeenLastCalledWith('ended', undefined);
});

test('a screen that is behind leaves the connection, and goes on after what it has', async () => {
  const host = fakeConnection();
  const { sink, shown, catchUp } = fakeSink();
  sink.slow = true;
  followRun(host.connection, 'acme', 'run_1', sink, new AbortController().signal);
  const half = new Uint8Array(MAX_BEHIND_BYTES / 2 + 1);
  host.tell({ type: 'bytes', stream: 'stdout', offset: 0, bytes: half });
  expect(host.isFollowed()).toBe(true);
  host.tell({ type: 'bytes', stream: 'stderr', offset: 0, bytes: half });
  expect(host.isFollowed()).toBe(false);
  for (let i = 0; i < 3; i++) {
    await settled();
    catchUp();
  }
  await settled();
  expect(host.isFollowed()).toBe(true);
  expect(host.asked.at(-1)).toEqual({ channel: 'output', run: 'run_1', from: `${half.length}.${half.length}` });
  expect(shown).toEqual([`stdout:${half.length}`, `stderr:${half.length}`]);
});

test('who may not have a connection reads by a stream of its own', async () => {
  const host = fakeConnection();
  const { sink } = fakeSink();
  const paths: string[] = [];
  vi.stubGlobal('fetch', async (input: string) => {
    paths.push(String(input));
    return new Response('{"code":"token_invalid"}', { status: 401 });
  });
  followRun(host.connection, 'acme', 'run_1', sink, new AbortController().signal);
  host.become({ phase: 'ended', problem: new ApiProblem({ status: 429, detail: '' }) });
  expect(host.isFollowed()).toBe(true);
  expect(sink.state).toHaveBeenLastCalledWith('failed', expect.anything());
  host.become({ phase: 'ended', problem: new ApiProblem({ status: 403, detail: '' }) });
  await settled();
  expect(host.isFollowed()).toBe(false);
  expect(paths.length).toBeGreaterThan(0);
  vi.unstubAllGlobals();
});
