// What a list shows of text that was written for a terminal.
import { expect, test } from 'vitest';
import { plainText, visibleControls } from './ansi';

test('colours, titles and other sequences leave no trace', () => {
  expect(plainText('\u001b[1;32mok\u001b[0m done')).toBe('ok done');
  expect(plainText('\u001b]0;title\u0007a\u001b]8;;http://x\u001b\\b\u001b(Bc')).toBe('abc');
});

test('other control characters become visible, tabs stay', () => {
  expect(plainText('a\tb\rc\u0000d')).toBe('a\tb␍c␀d');
  expect(visibleControls('\u001b[31mred')).toBe('␛[31mred');
});
