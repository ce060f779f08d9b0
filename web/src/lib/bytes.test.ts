// Base64 and line ends, also at the seams of chunks.
import { expect, test } from 'vitest';
import { base64ToBytes, CrlfConverter } from './bytes';

const encode = (text: string) => new TextEncoder().encode(text);
const through = (...chunks: string[]) => {
  const converter = new CrlfConverter();
  return chunks.map((chunk) => new TextDecoder().decode(converter.convert(encode(chunk)))).join('');
};

test('base64 gives every byte value back', () => {
  const all = Uint8Array.from({ length: 256 }, (_, i) => i);
  expect(base64ToBytes(btoa(String.fromCharCode(...all)))).toEqual(all);
  expect(base64ToBytes('')).toEqual(new Uint8Array());
});

test('a lone LF gains a CR; a CR LF stays', () => {
  expect(through('a\nb\r\nc\n\nd')).toBe('a\r\nb\r\nc\r\n\r\nd');
});

test('a CR at the end of a chunk belongs to the LF of the next', () => {
  expect(through('a\r', '\nb')).toBe('a\r\nb');
  expect(through('a', '\nb')).toBe('a\r\nb');
});

test('bytes without lone LF are passed on without a copy', () => {
  const bytes = encode('\x1b[31mred\x1b[0m\r\n');
  expect(new CrlfConverter().convert(bytes)).toBe(bytes);
});
