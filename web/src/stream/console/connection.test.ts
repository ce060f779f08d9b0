// The stream client against a host that is cut anywhere: nothing lost, nothing doubled, on whichever transport.
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ConsoleConnection, INPUT_SILENCE_MS, type ConsoleState } from './connection';
import { FakeHost, noCuts, type Cuts } from './fake-host';
import { RETRY_BETTER_MIN_MS, type LadderMemory } from './ladder';
import { pollTransport } from './poll';
import type { ConsoleEvent } from './protocol';
import { sseTransport } from './sse';
import type { TransportKind } from './transport';
import { OPEN_TIMEOUT_MS, webSocketTransport } from './websocket';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A small generator with a seed: a failure can be seen again. */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

function setUp(cuts: Cuts, remembered?: TransportKind, random: () => number = () => 0.5) {
  const host = new FakeHost(cuts, () => Math.ceil(random() * 900));
  let known = remembered && { kind: remembered, atMs: Date.now() };
  const memory: LadderMemory = { load: () => known, save: (kind, atMs) => (known = { kind, atMs }) };
  const connection = new ConsoleConnection({
    transports: [webSocketTransport(host.api, host.createSocket), sseTransport(host.api), pollTransport(host.api)],
    memory,
    random,
    now: () => Date.now(),
    newClient: () => 'client-1',
  });
  const shown: number[] = [];
  const events: ConsoleEvent[] = [];
  const states: ConsoleState[] = [];
  connection.onState(() => states.push(connection.getState()));
  const attach = (from = 0) =>
    connection.subscribe({ channel: 'commands', session: 'ses_1', from }, (event) => {
      if (event.type === 'bytes') shown.push(...event.bytes);
      else events.push(event);
    });
  return { host, connection, shown, events, states, attach, kind: () => known?.kind };
}

const text = (value: string) => new TextEncoder().encode(value);
const settle = (ms = 50) => vi.advanceTimersByTimeAsync(ms);

describe.each<TransportKind>(['websocket', 'sse', 'poll'])('over %s', (kind) => {
  test('shows what the session wrote, live and replayed, and types each key once', async () => {
    const { host, connection, shown, attach } = setUp(noCuts(), kind);
    host.write(text('before '));
    attach();
    await settle();
    host.write(text('and after'));
    for (const key of 'ls -l\r') connection.type('ses_1', text(key));
    connection.say({ type: 'signal', session: 'ses_1', signal: 'interrupt' });
    await settle(500);
    expect(connection.getState()).toMatchObject({ phase: 'open', transport: kind });
    expect(new TextDecoder().decode(new Uint8Array(shown))).toBe('before and after');
    expect(new TextDecoder().decode(new Uint8Array(host.typed))).toBe('ls -l\r');
    expect(host.signals).toEqual(['interrupt']);
    expect(connection.unacceptedBytes('ses_1')).toBe(0);
    connection.close();
  });

  test('a trimmed beginning is told, and what is left is shown', async () => {
    const { host, connection, shown, events, attach } = setUp(noCuts(), kind);
    host.write(text('0123456789'));
    host.trimmed = 4;
    attach();
    await settle(300);
    expect(events[0]).toMatchObject({ type: 'attached', truncated: true, from: 4 });
    expect(new TextDecoder().decode(new Uint8Array(shown))).toBe('456789');
    connection.close();
  });
});

test.each([1, 2, 3, 4, 5, 6, 7, 8])('random cuts and switches of transport leave the bytes as they were (seed %i)', async (seed) => {
  const random = randomFrom(seed);
  let heals = false;
  const cuts: Cuts = {
    answerBytes: () => (!heals && random() < 0.7 ? Math.floor(random() * 4000) : undefined),
    socketDies: () => !heals && random() < 0.02,
    postDies: () => (!heals && random() < 0.3 ? (random() < 0.5 ? 'before' : 'after') : undefined),
    refuseSocket: () => (!heals && random() < 0.5 ? 1006 : undefined),
    refuseEvents: () => (!heals && random() < 0.2 ? { status: 503, code: 'draining' } : undefined),
  };
  const { host, connection, shown, attach } = setUp(cuts, undefined, random);
  attach();
  let written = 0;
  let typed = '';
  for (let round = 0; round < 150; round++) {
    const chunk = Uint8Array.from({ length: Math.floor(random() * 1500) }, () => Math.floor(random() * 256));
    host.write(chunk);
    written += chunk.length;
    const keys = `${round};`;
    typed += keys;
    expect(connection.type('ses_1', text(keys))).toBe(true);
    await settle(Math.floor(random() * 3000));
  }
  heals = true;
  await settle(120_000);
  expect(shown.length).toBe(written);
  expect(new Uint8Array(shown)).toEqual(host.output);
  expect(new TextDecoder().decode(new Uint8Array(host.typed))).toBe(typed);
  expect(new Set(host.opened).size).toBe(3);
  connection.close();
});

test('a blocked WebSocket falls back at once, is remembered, and gets its chance again', async () => {
  let blocked = true;
  const { host, connection, states, attach, shown, kind } = setUp({ ...noCuts(), refuseSocket: () => (blocked ? 1006 : undefined) });
  attach();
  await settle(20);
  expect(connection.getState()).toMatchObject({ phase: 'open', transport: 'sse' });
  expect(states.some(({ phase }) => phase === 'waiting')).toBe(false);
  expect(kind()).toBe('sse');
  blocked = false;
  await settle(RETRY_BETTER_MIN_MS);
  host.write(text('seen once'));
  await settle();
  expect(connection.getState()).toMatchObject({ phase: 'open', transport: 'websocket' });
  expect(new TextDecoder().decode(new Uint8Array(shown))).toBe('seen once');
  expect(kind()).toBe('websocket');
  connection.close();
});

test('an upgrade that is swallowed without an answer is given up after a while', async () => {
  const host = new FakeHost(noCuts());
  const mute = new ConsoleConnection({
    transports: [webSocketTransport(host.api, () => ({ readyState: 0, close: () => undefined }) as unknown as WebSocket), sseTransport(host.api), pollTransport(host.api)],
    memory: { load: () => undefined, save: () => undefined },
    random: () => 0.5,
    now: () => Date.now(),
    newClient: () => 'client-2',
  });
  mute.subscribe({ channel: 'commands', session: 's' }, () => undefined);
  await settle(OPEN_TIMEOUT_MS + 50);
  expect(mute.getState()).toMatchObject({ phase: 'open', transport: 'sse' });
  mute.close();
});

test.each([4401, 4403, 4404, 4429])('close code %i ends the retries and says why', async (code) => {
  const { host, connection, attach } = setUp(noCuts());
  attach();
  await settle();
  [...host.sockets][0]!.die(code);
  await settle(60_000);
  expect(connection.getState()).toMatchObject({ phase: 'ended' });
  expect(connection.getState().problem?.message.length).toBeGreaterThan(20);
  expect(host.opened).toEqual(['websocket']);
  connection.retry();
  await settle();
  expect(connection.getState().phase).toBe('open');
  connection.close();
});

test('a refusal by status ends the retries on the other transports too, with its wait', async () => {
  const { host, connection, attach } = setUp({ ...noCuts(), refuseEvents: () => ({ status: 429, code: 'rate_limited' }) }, 'poll');
  attach();
  await settle(60_000);
  expect(connection.getState()).toMatchObject({ phase: 'ended', problem: { code: 'rate_limited', retryAfterMs: 3000 } });
  expect(host.opened).toEqual(['poll']);
  connection.close();
});

test('a ticket that came too late is asked for anew', async () => {
  let first = true;
  const { connection, attach, host } = setUp({ ...noCuts(), refuseSocket: () => (first ? ((first = false), 4401) : undefined), refuseEvents: () => ({ status: 503, code: 'x' }) });
  attach();
  await settle(5_000);
  expect(connection.getState()).toMatchObject({ phase: 'open', transport: 'websocket' });
  expect(host.opened.filter((kind) => kind === 'websocket').length).toBe(2);
  connection.close();
});

test('a socket that takes input and says nothing is replaced, and the input sent once', async () => {
  const { host, connection, attach } = setUp(noCuts());
  attach();
  await settle();
  const dead = [...host.sockets][0]!;
  dead.send = () => undefined;
  connection.type('ses_1', text('x'));
  await settle(INPUT_SILENCE_MS + 2_000);
  expect(host.typed).toEqual([120]);
  expect(host.opened.length).toBe(2);
  connection.close();
});

test('an idle socket lives on the heartbeats of the host, and is replaced when they stay away', async () => {
  const { host, connection, shown, attach } = setUp(noCuts());
  attach();
  await settle(600_000);
  expect(host.opened.length).toBe(1);
  host.beats = false;
  await settle(40_000);
  expect(host.opened.length).toBe(2);
  host.beats = true;
  host.write(text('still here'));
  await settle();
  expect(new TextDecoder().decode(new Uint8Array(shown))).toBe('still here');
  connection.close();
});

test('polls have no heartbeats, and an idle one is left alone', async () => {
  const { host, connection, attach } = setUp({ ...noCuts(), refuseSocket: () => 1006 }, 'poll');
  attach();
  await settle(40_000);
  expect(connection.getState()).toMatchObject({ phase: 'open', transport: 'poll' });
  expect(host.opened.every((kind) => kind === 'poll')).toBe(true);
  connection.close();
});

test('a hole on the way begins again from what was handled; one that stays becomes a gap', async () => {
  const { host, connection, shown, events, attach } = setUp(noCuts());
  host.write(text('abcdef'));
  const piece = host.piece.bind(host);
  let lies = 5;
  host.piece = (at) => {
    const real = piece(at);
    return real && at === 0 && lies-- > 0 ? { offset: 2, bytes: text('cdef') } : real;
  };
  attach();
  await settle(30_000);
  expect(host.opened.length).toBe(3);
  expect(events.filter(({ type }) => type === 'gap')).toEqual([{ type: 'gap', from: 0, to: 2, count: 2 }]);
  expect(new TextDecoder().decode(new Uint8Array(shown))).toBe('cdef');
  connection.close();
});

test('a host that forgot the client is told the input under new numbers', async () => {
  const { host, connection, attach } = setUp(noCuts());
  attach();
  await settle();
  connection.type('ses_1', text('a'));
  await settle();
  host.expected.clear();
  connection.type('ses_1', text('b'));
  await settle(1_000);
  expect(host.typed).toEqual([97, 98]);
  connection.close();
});

test('a reconnection takes nothing over', async () => {
  const { host, connection, attach } = setUp(noCuts());
  attach();
  await settle();
  const first = [...host.sockets][0]!;
  first.die(1006);
  await settle(2_000);
  const next = [...host.sockets][0]!;
  expect(next).not.toBe(first);
  expect([first.askedModes, next.askedModes]).toEqual([[undefined], ['resume']]);
  connection.close();
});

test('input that the guest has no room for is sent again, in order and once', async () => {
  for (const kind of ['websocket', 'sse'] as const) {
    const { host, connection, attach } = setUp(noCuts(), kind);
    attach();
    await settle();
    host.room = 3;
    for (const key of 'abcdef') {
      connection.type('ses_1', text(key));
      await settle(1);
    }
    await settle(2_000);
    expect(new TextDecoder().decode(new Uint8Array(host.typed)).length).toBeLessThanOrEqual(3);
    host.room = Infinity;
    await settle(2_000);
    expect(new TextDecoder().decode(new Uint8Array(host.typed))).toBe('abcdef');
    connection.close();
  }
});

test('input to a session that another client owns is dropped, and said', async () => {
  for (const kind of ['websocket', 'sse'] as const) {
    const { host, connection, events, attach } = setUp(noCuts(), kind);
    attach();
    await settle();
    host.notOwner = true;
    connection.type('ses_1', text('lost'));
    await settle(500);
    expect(events.filter((event) => event.type === 'error')).toMatchObject([{ code: 'not_owner' }]);
    expect(connection.unacceptedBytes('ses_1')).toBe(0);
    host.notOwner = false;
    connection.type('ses_1', text('kept'));
    await settle(500);
    expect(new TextDecoder().decode(new Uint8Array(host.typed))).toBe('kept');
    connection.close();
  }
});

test('without subscriptions there is no connection', async () => {
  const { host, connection, attach } = setUp(noCuts());
  const { unsubscribe } = attach();
  await settle();
  unsubscribe();
  await settle();
  expect(connection.getState().phase).toBe('idle');
  expect(host.sockets.size).toBe(0);
});
