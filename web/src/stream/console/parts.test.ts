// The small parts of the stream client: input numbering, places, replies, blocks, frames, the ladder.
import { describe, expect, test } from 'vitest';
import { Blocks } from './blocks';
import { endOfSocket } from './ends';
import { Ladder, MAX_SHORT_LIVES, TRUST_MS } from './ladder';
import { MAX_IN_FLIGHT_BYTES, MAX_WAITING_BYTES, Outbox } from './outbox';
import { Place } from './place';
import { parseFrame, parseText, MAX_INPUT_CHUNK_BYTES } from './protocol';
import { isTerminalReply } from './replies';

const text = (value: string) => new TextEncoder().encode(value);

describe('the outbox', () => {
  test('cuts a paste, keeps little under way, and takes no more than its bound', () => {
    const outbox = new Outbox();
    expect(outbox.push(new Uint8Array(MAX_WAITING_BYTES))).toBe(true);
    expect(outbox.push(text('x'))).toBe(false);
    const first = outbox.take(Infinity);
    expect(first.every(({ bytes }) => bytes.length <= MAX_INPUT_CHUNK_BYTES)).toBe(true);
    expect(first.reduce((sum, { bytes }) => sum + bytes.length, 0)).toBeLessThanOrEqual(MAX_IN_FLIGHT_BYTES);
    expect(outbox.take(Infinity)).toEqual([]);
    outbox.accepted(first.at(-1)!.seq);
    expect(outbox.take(Infinity)[0]!.seq).toBe(first.at(-1)!.seq + 1);
  });

  test('keys that wait travel together', () => {
    const outbox = new Outbox();
    for (const key of ['1', '2', '3']) outbox.push(text(key));
    expect(outbox.take(1).map(({ bytes }) => new TextDecoder().decode(bytes))).toEqual(['123']);
    outbox.push(text('4'));
    expect(outbox.take(1)).toEqual([]);
  });

  test('what is refused for good is gone, and its number free', () => {
    const outbox = new Outbox();
    for (const key of 'abc') {
      outbox.push(text(key));
      outbox.take(Infinity);
    }
    outbox.refused(2);
    outbox.refused(3);
    expect(outbox.unacceptedBytes).toBe(0);
    outbox.push(text('d'));
    expect(outbox.take(Infinity)).toEqual([{ seq: 2, bytes: text('d') }]);
  });

  test('an expectation ahead of us is believed, one behind us numbers anew', () => {
    const outbox = new Outbox();
    for (const key of 'abc') {
      outbox.push(text(key));
      outbox.take(Infinity);
    }
    outbox.expect(2);
    expect(outbox.again().map(({ seq }) => seq)).toEqual([2, 3]);
    outbox.expect(1);
    expect(outbox.again().map(({ seq, bytes }) => [seq, new TextDecoder().decode(bytes)])).toEqual([[1, 'b'], [2, 'c']]);
    outbox.accepted(2);
    expect(outbox.unacceptedBytes).toBe(0);
    outbox.push(text('d'));
    expect(outbox.take(Infinity)[0]!.seq).toBe(3);
  });
});

describe('a place', () => {
  test('gives no byte twice and sees a hole', () => {
    const place = new Place(3, { channel: 'commands', session: 's', from: 10 });
    const at = (offset: number, value: string) => place.admit({ ch: 3, cursor: undefined, event: { type: 'bytes', stream: 'terminal', offset, bytes: text(value) } });
    expect(at(4, 'abcdef')).toBeUndefined();
    expect(at(8, 'abcd')).toMatchObject({ offset: 10, bytes: text('cd') });
    expect(at(13, 'x')).toBe('hole');
    place.admit({ ch: 3, cursor: undefined, event: { type: 'mode', n: 0, mode: 'raw', mode_offset: 11 } });
    expect(place.admit({ ch: 3, cursor: undefined, event: { type: 'mark', n: 0, kind: 'prompt', offset: 11 } })).toBeUndefined();
    expect(place.resume()).toMatchObject({ ch: 3, from: 12, marks: 1, mode: 'resume' });
  });

  test('output goes on in both streams, logs after their cursor and not from their last lines', () => {
    const output = new Place(0, { channel: 'output', run: 'r' });
    output.admit({ ch: 0, cursor: undefined, event: { type: 'bytes', stream: 'stderr', offset: 0, bytes: text('abc') } });
    expect(output.resume()).toMatchObject({ from: '0.3' });
    const logs = new Place(1, { channel: 'logs', last: 50 });
    logs.admit({ ch: 1, cursor: '77', event: { type: 'gap', from: 0, to: 0, count: 3 } });
    expect(logs.resume()).toEqual({ ch: 1, channel: 'logs', from: '77' });
  });

  test('a host that has less than was shown begins anew', () => {
    const place = new Place(0, { channel: 'commands', session: 's', from: 100 });
    const event = { type: 'attached' as const, from: 0, size: 20, truncated: false, mode: 'line' as const, you: true, columns: 80, lines: 24, marks: [] };
    expect(place.admit({ ch: 0, cursor: undefined, event })).toMatchObject({ truncated: true, from: 0 });
    expect(place.resume()).toMatchObject({ from: 0 });
  });
});

test('what a terminal answers by itself is told from what is typed', () => {
  for (const reply of ['\x1b[24;80R', '\x1b[?1;2c', '\x1b[>0;276;0c', '\x1b[0n', '\x1b[?2026;2$y', '\x1b]11;rgb:0000/0000/0000\x1b\\', '\x1bP1$r0m\x1b\\', '\x1b[I', '\x1b[1;1R\x1b[?6c']) {
    expect(isTerminalReply(reply), JSON.stringify(reply)).toBe(true);
  }
  for (const typed of ['a', 'c', '\r', '\x1b', '\x1b[A', '\x1b[3~', '\x1b[1;5C', '\x1bOP', '\x1b[200~c\x1b[201~', '\x1bb']) {
    expect(isTerminalReply(typed), JSON.stringify(typed)).toBe(false);
  }
});

test('an end belongs to its run, also when another command ended in between', () => {
  const blocks = new Blocks();
  blocks.apply({ n: 0, kind: 'command', offset: 1, line: 'sleep 9 &', run: 'r1', background: true });
  blocks.apply({ n: 1, kind: 'command', offset: 5, line: 'ls', run: 'r2' });
  blocks.apply({ n: 2, kind: 'end', offset: 8, run: 'r2', exit_code: 0, duration_ms: 12 });
  blocks.apply({ n: 3, kind: 'prompt', offset: 8 });
  blocks.apply({ n: 4, kind: 'end', offset: 9, run: 'r1', exit_code: 130, background: true });
  expect(blocks.list.map(({ line, end }) => [line, end?.exitCode])).toEqual([['sleep 9 &', 130], ['ls', 0]]);
  expect(blocks.atPrompt).toBe(true);
});

test('a command whose beginning is gone is still told at its end', () => {
  const blocks = new Blocks();
  blocks.apply({ n: 9, kind: 'end', offset: 500, line: 'seq 9', exit_code: 1, duration_ms: 3 });
  expect(blocks.list).toMatchObject([{ line: 'seq 9', end: { exitCode: 1 } }]);
});

test('frames are read with their whole offset, and rubbish is none', () => {
  const data = new Uint8Array(12);
  data.set([7, 2]);
  new DataView(data.buffer).setBigUint64(2, 5_000_000_000n);
  data.set([65, 66], 10);
  expect(parseFrame(data.buffer)).toMatchObject({ ch: 7, event: { stream: 'stderr', offset: 5_000_000_000, bytes: text('AB') } });
  expect(parseFrame(new Uint8Array(9).buffer)).toBeUndefined();
  expect([parseText('{'), parseText('7'), parseText('{"ch":1}')]).toEqual([undefined, undefined, undefined]);
});

describe('the ladder', () => {
  const memory = (kind: 'websocket' | 'sse' | 'poll', atMs: number) => ({ load: () => ({ kind, atMs }), save: () => undefined });

  test('believes what worked for a while only', () => {
    expect(new Ladder(memory('poll', 0), TRUST_MS - 1).kind).toBe('poll');
    expect(new Ladder(memory('poll', 0), TRUST_MS).kind).toBe('websocket');
  });

  test('connections that are cut short again and again are no connections', () => {
    const ladder = new Ladder({ load: () => undefined, save: () => undefined }, 0);
    for (let life = 0; life < MAX_SHORT_LIVES; life++) ladder.ended(100);
    expect(ladder.kind).toBe('sse');
    for (let life = 0; life < 10; life++) ladder.ended(60_000);
    expect(ladder.kind).toBe('sse');
  });

  test('a host that is down blames no transport', () => {
    const ladder = new Ladder({ load: () => undefined, save: () => undefined }, 0);
    expect([ladder.next(), ladder.next(), ladder.next()]).toEqual([true, true, false]);
    expect(ladder.kind).toBe('websocket');
  });
});

test('close codes say whether another try can help', () => {
  expect([4400, 4401, 4403, 4404, 4429].map((code) => endOfSocket(code, true).final)).toEqual([true, true, true, true, true]);
  expect([1001, 1006, 4408, 4413].map((code) => endOfSocket(code, true).final)).toEqual([false, false, false, false]);
  expect(endOfSocket(4409, true).blocked).toBe(true);
});
