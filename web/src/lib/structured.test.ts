import { expect, test } from 'vitest';
import { structured } from './structured';

test('a line of JSON reads as its message and fields', () => {
  expect(structured('{"level":"info","message":"sleeping","fields":{"done":1,"of":"ten ms"}}')).toEqual({ message: 'sleeping', fields: 'done=1 of="ten ms"' });
  expect(structured('{"msg":"ready","port":80}')).toEqual({ message: 'ready', fields: 'port=80' });
});

test('any other line stays as it is', () => {
  expect(['plain', '{"a":1}', '{"message":1}', '{broken}', '["message"]', ''].map(structured)).toEqual(Array(6).fill(undefined));
});
