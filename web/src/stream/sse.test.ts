// The parser against the forms the specification allows, cut at every byte.
import { describe, expect, test } from 'vitest';
import { SseParser, type SseEvent } from './sse';

const encode = (text: string) => new TextEncoder().encode(text);

function parse(text: string, size = Infinity): SseEvent[] {
  const parser = new SseParser();
  const bytes = encode(text);
  const events: SseEvent[] = [];
  for (let at = 0; at < bytes.length; at += size) events.push(...parser.push(bytes.slice(at, at + size)));
  return events;
}

describe('SseParser', () => {
  const stream = ': hello\r\nid: 7\r\nevent: line\r\ndata: {"a":"é🏛"}\r\n\r\ndata: one\rdata:two\r\rid\ndata\n\ndata: cut off';
  const expected = [
    { event: 'line', data: '{"a":"é🏛"}', id: '7' },
    { event: 'message', data: 'one\ntwo', id: '7' },
    { event: 'message', data: '', id: '' },
  ];

  test('reads CR, LF and CR LF, comments, several data lines, and drops what never ended', () => {
    expect(parse(stream)).toEqual(expected);
  });

  test('gives the same events wherever the bytes are cut', () => {
    for (const size of [1, 2, 3, 5, 7, 11]) expect(parse(stream, size)).toEqual(expected);
  });

  test('an event without data is not dispatched, but its id stays', () => {
    expect(parse('id: 3\nevent: x\n\ndata: y\n\n')).toEqual([{ event: 'message', data: 'y', id: '3' }]);
  });

  test('keeps the host’s retry time, if it is a number', () => {
    const parser = new SseParser();
    parser.push(encode('retry: 1500\nretry: soon\n\n'));
    expect(parser.retryMs).toBe(1500);
  });

  test('refuses an event without end', () => {
    const parser = new SseParser();
    const chunk = new Uint8Array(1024 * 1024).fill(97);
    expect(() => {
      for (let i = 0; i < 10; i++) parser.push(chunk);
    }).toThrow(/too long/);
  });
});
