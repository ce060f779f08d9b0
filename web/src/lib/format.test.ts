// How numbers and small languages of the forms read.
import { expect, test } from 'vitest';
import { asSentence, formatAgo, formatBytes, formatMicros, parseBytes, parseEnv, parseMillis, shortRun } from './format';

test('sizes and durations use the unit that fits', () => {
  expect([0, 1023, 1024, 65_536, 5 * 1024 ** 3].map(formatBytes)).toEqual(['0 B', '1023 B', '1.0 KiB', '64 KiB', '5.0 GiB']);
  expect([7, 1500, 42_000, 1_500_000, 75_000_000].map(formatMicros)).toEqual(['7 µs', '1.50 ms', '42.0 ms', '1.50 s', '1 min 15 s']);
});

test('sizes and times are read with and without units', () => {
  expect(['64 MiB', '64m', '1.5k', '10'].map(parseBytes)).toEqual([67_108_864, 67_108_864, 1536, 10]);
  expect(['250', '2 s', '1min', '0.5h'].map(parseMillis)).toEqual([250, 2000, 60_000, 1_800_000]);
  expect([parseBytes('lots'), parseMillis('-1'), parseMillis('')]).toEqual([undefined, undefined, undefined]);
});

test('environment lines keep what follows the first equals sign', () => {
  expect(parseEnv('A=1\n# no\n\nB= x=y ')).toEqual({ ok: true, env: { A: '1', B: ' x=y ' } });
  expect(parseEnv('A=1\nnonsense')).toEqual({ ok: false, error: 'Line 2 is not NAME=value.' });
});

test('ages are counted from the clock that is given', () => {
  const now = Date.parse('2026-01-01T01:00:00Z');
  expect(formatAgo('2026-01-01T00:59:58Z', now)).toBe('just now');
  expect(formatAgo('2026-01-01T00:30:00Z', now)).toBe('30 min ago');
  expect(shortRun('run_01hxyzabcdefghijk')).toBe('run_…fghijk');
});

test('what the host says reads as a sentence', () => {
  expect(['the run was cancelled', 'It trapped: unreachable.', '  why? '].map(asSentence)).toEqual(['The run was cancelled.', 'It trapped: unreachable.', 'Why?']);
});
