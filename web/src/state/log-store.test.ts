// Order, doubles, bounds and pausing of held log lines.
import { describe, expect, test } from 'vitest';
import type { LogLine } from '../api/types';
import { LogStore } from './log-store';

const line = (seq: number): LogLine => ({ seq, time: '2026-01-01T00:00:00Z', run: 'run_1', command: 'c', stream: 'stdout', text: `line ${seq}` });
const lines = (...seqs: number[]) => seqs.map(line);
const make = (max?: number) => new LogStore((task) => task(), max);
const seqs = (store: LogStore) => store.getSnapshot().lines.map((entry) => entry.seq);

describe('LogStore', () => {
  test('keeps lines in order whatever order they come in, each once', () => {
    const store = make();
    store.append(lines(5, 6));
    store.prepend(lines(4, 2, 3, 5));
    store.append(lines(6, 7));
    store.append(lines(1));
    expect(seqs(store)).toEqual([1, 2, 3, 4, 5, 6, 7]);
  });

  test('holds lines back while paused, counts each once, and shows them on resume', () => {
    const store = make();
    store.append(lines(1));
    store.pause();
    store.append(lines(1, 2));
    store.append(lines(2, 3));
    expect(seqs(store)).toEqual([1]);
    expect(store.getSnapshot()).toMatchObject({ paused: true, pending: 2 });
    store.resume();
    expect(seqs(store)).toEqual([1, 2, 3]);
    expect(store.getSnapshot()).toMatchObject({ paused: false, pending: 0 });
  });

  test('lets the oldest go beyond its bound and says so', () => {
    const store = make(10);
    store.append(lines(...Array.from({ length: 12 }, (_, i) => i)));
    expect(store.getSnapshot().trimmed).toBe(true);
    expect(seqs(store).at(-1)).toBe(11);
    expect(seqs(store).length).toBeLessThanOrEqual(10);
  });

  test('older lines never push newer ones out', () => {
    const store = make(4);
    store.append(lines(10, 11, 12));
    store.prepend(lines(7, 8, 9));
    expect(seqs(store)).toEqual([9, 10, 11, 12]);
  });

  test('a pause longer than the bound starts over instead of hiding a hole', () => {
    const store = make(4);
    store.append(lines(1, 2));
    store.pause();
    store.append(lines(...Array.from({ length: 9 }, (_, i) => i + 3)));
    store.resume();
    expect(seqs(store)).toEqual([8, 9, 10, 11]);
    expect(store.getSnapshot().trimmed).toBe(true);
  });

  test('many changes in a frame make one snapshot', () => {
    const tasks: (() => void)[] = [];
    const store = new LogStore((task) => tasks.push(task));
    for (let i = 0; i < 100; i++) store.append(lines(i));
    expect(tasks.length).toBe(1);
    tasks[0]!();
    expect(store.getSnapshot().lines.length).toBe(100);
  });
});

test('a flood says so, and a trickle is shown at the next paint', () => {
  const asked: boolean[] = [];
  const tasks: (() => void)[] = [];
  const store = new LogStore((task, isFlood) => {
    asked.push(isFlood);
    tasks.push(task);
  });
  store.append(Array.from({ length: 500 }, (_, seq) => ({ ...line(0), seq })));
  tasks.shift()!();
  store.append([{ ...line(0), seq: 500 }]);
  tasks.shift()!();
  expect(asked).toEqual([true, false]);
  expect(store.getSnapshot().lines.length).toBe(501);
});
