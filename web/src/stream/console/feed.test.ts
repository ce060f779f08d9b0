// From events to a screen: order, acknowledgements, marks at their places, and a viewer that is left behind.
import { Terminal } from '@xterm/headless';
import { expect, test } from 'vitest';
import { ACK_BYTES, BACKLOG_BYTES, MAX_BACKLOG_BYTES, ScreenFeed, type Screen } from './feed';
import type { ConsoleEvent, Mark } from './protocol';

class FakeScreen implements Screen {
  readonly seen: string[] = [];
  written = 0;
  private readonly waiting: (() => void)[] = [];
  auto = true;
  write(bytes: Uint8Array, done: () => void): void {
    this.seen.push(new TextDecoder().decode(bytes));
    this.written += bytes.length;
    this.later(done);
  }
  reset(): void {
    this.seen.push('<reset>');
  }
  mark(mark: Mark): void {
    this.seen.push(`<${mark.kind}>`);
  }
  gap(bytes: number, done: () => void): void {
    this.seen.push(`<gap ${bytes}>`);
    this.later(done);
  }
  later(done: () => void): void {
    if (this.auto) done();
    else this.waiting.push(done);
  }
  release(): void {
    this.waiting.shift()?.();
  }
}

const attached = (over: Partial<ConsoleEvent & { type: 'attached' }> = {}): ConsoleEvent => ({ type: 'attached', from: 0, size: 0, truncated: false, mode: 'line', you: true, columns: 80, lines: 24, marks: [], ...over });
const bytes = (offset: number, text: string | number): ConsoleEvent => ({ type: 'bytes', stream: 'terminal', offset, bytes: typeof text === 'string' ? new TextEncoder().encode(text) : new Uint8Array(text) });

function setUp() {
  const screen = new FakeScreen();
  const acks: number[] = [];
  const feed = new ScreenFeed(screen, { ack: (offset) => acks.push(offset), changed: () => undefined });
  return { screen, acks, feed };
}

test('marks cut the bytes exactly where they belong, whether they come before or after them', () => {
  const { screen, feed } = setUp();
  void feed.handle(attached({ marks: [{ n: 0, kind: 'prompt', offset: 0 }, { n: 1, kind: 'command', offset: 4, line: 'ls' }] }));
  void feed.handle(bytes(0, '$ lsout'));
  void feed.handle({ type: 'mark', n: 2, kind: 'end', offset: 7 });
  expect(screen.seen).toEqual(['<reset>', '<prompt>', '$ ls', '<command>', 'out', '<end>']);
});

test('a resume keeps the screen and its marks', () => {
  const { screen, feed } = setUp();
  const marks: Mark[] = [{ n: 0, kind: 'prompt', offset: 0 }, { n: 1, kind: 'command', offset: 2, line: 'x' }];
  void feed.handle(attached({ marks }));
  void feed.handle(bytes(0, 'ab'));
  void feed.handle(attached({ from: 2 }));
  void feed.handle(bytes(2, 'cd'));
  expect(screen.seen).toEqual(['<reset>', '<prompt>', 'ab', '<command>', 'cd']);
});

test('the replay ends when its last byte is shown, not when it is told', () => {
  const { screen, feed } = setUp();
  screen.auto = false;
  void feed.handle(attached());
  void feed.handle(bytes(0, 'abc'));
  void feed.handle({ type: 'replay_end', offset: 3 });
  expect(feed.replaying).toBe(true);
  screen.release();
  expect(feed.replaying).toBe(false);
});

test('an owner acknowledges what is shown, a viewer nothing', () => {
  for (const you of [true, false]) {
    const { acks, feed } = setUp();
    void feed.handle(attached({ you }));
    for (let at = 0; at < 4 * ACK_BYTES; at += 1000) void feed.handle(bytes(at, 1000));
    expect(acks.length).toBe(you ? 4 : 0);
    expect(acks.every((offset, index) => offset >= (index + 1) * ACK_BYTES)).toBe(true);
  }
});

test('a screen that is behind makes a transport wait', async () => {
  const { screen, feed } = setUp();
  screen.auto = false;
  void feed.handle(attached());
  const waits = feed.handle(bytes(0, BACKLOG_BYTES * 2));
  let isOver = false;
  void Promise.resolve(waits).then(() => (isOver = true));
  await Promise.resolve();
  expect(isOver).toBe(false);
  screen.auto = true;
  screen.release();
  await waits;
  expect(screen.written).toBe(BACKLOG_BYTES * 2);
});

test('a viewer far behind leaves out what waits, and says how much; an owner never does', () => {
  for (const you of [true, false]) {
    const { screen, feed } = setUp();
    screen.auto = false;
    void feed.handle(attached({ you }));
    const total = MAX_BACKLOG_BYTES * 3;
    for (let at = 0; at < total; at += 65_536) void feed.handle(bytes(at, 65_536));
    screen.auto = true;
    screen.release();
    expect(screen.written + feed.missingBytes).toBe(total);
    expect(feed.missingBytes > 0).toBe(!you);
    expect(feed.shown).toBe(total);
  }
});

test('a truncated attachment begins with an empty screen, and late callbacks of the old one count for nothing', () => {
  const { screen, feed } = setUp();
  screen.auto = false;
  void feed.handle(attached());
  void feed.handle(bytes(0, 'old'));
  void feed.handle(attached({ from: 100, truncated: true }));
  screen.release();
  expect(feed.shown).toBe(100);
  void feed.handle(bytes(100, 'new'));
  screen.release();
  expect(feed.shown).toBe(103);
  expect(screen.seen).toEqual(['<reset>', 'old', '<reset>', 'new']);
});

test('a real terminal shows the same whatever the cuts, in the middle of sequences and characters too', async () => {
  const source = new TextEncoder().encode('\x1b[1;31mrot\x1b[0m é漢字🙂\r\n'.repeat(40) + '\x1b[5;5Hhere\x1b]0;title\x07');
  const read = async (size: (at: number) => number) => {
    const terminal = new Terminal({ cols: 60, rows: 20, scrollback: 200, allowProposedApi: true });
    const screen: Screen = { write: (chunk, done) => terminal.write(chunk, done), reset: () => terminal.reset(), mark: () => undefined, gap: (_count, done) => done() };
    const feed = new ScreenFeed(screen, { ack: () => undefined, changed: () => undefined });
    void feed.handle(attached());
    for (let at = 0; at < source.length; ) {
      const end = Math.min(source.length, at + size(at));
      void feed.handle({ type: 'bytes', stream: 'terminal', offset: at, bytes: source.slice(at, end) });
      at = end;
    }
    while (feed.shown < source.length) await new Promise((resolve) => setTimeout(resolve, 1));
    const buffer = terminal.buffer.active;
    return Array.from({ length: buffer.length }, (_, row) => buffer.getLine(row)!.translateToString(true)).join('\n');
  };
  const whole = await read(() => source.length);
  expect(whole).toContain('rot é漢字🙂');
  expect(await read(() => 1)).toBe(whole);
  expect(await read((at) => (at % 7) + 1)).toBe(whole);
});
