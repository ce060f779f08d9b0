// What a typed line becomes.
import { describe, expect, test } from 'vitest';
import { joinWords, splitWords } from './shell-words';

const words = (line: string) => {
  const result = splitWords(line);
  if (!result.ok) throw new Error(result.error);
  return result.words;
};

describe('splitWords', () => {
  test('separates at blanks and ignores those around', () => {
    expect(words('  a  b\tc\n')).toEqual(['a', 'b', 'c']);
    expect(words('   ')).toEqual([]);
  });
  test('keeps everything in single quotes', () => {
    expect(words(`'a "b" \\c'`)).toEqual(['a "b" \\c']);
  });
  test('unescapes only the quote and the backslash in double quotes', () => {
    expect(words(String.raw`"a \"b\" \\ \n"`)).toEqual([String.raw`a "b" \ \n`]);
  });
  test('joins quoted and bare parts into one word, and keeps empty words', () => {
    expect(words(`--name='a b'c '' ""`)).toEqual(['--name=a bc', '', '']);
  });
  test('expands nothing', () => {
    expect(words('$HOME *.txt ~ ; | > #')).toEqual(['$HOME', '*.txt', '~', ';', '|', '>', '#']);
  });
  test('says what is not closed, and where', () => {
    expect(splitWords('a "b')).toEqual({ ok: false, error: 'The quote " is not closed.', at: 2 });
    expect(splitWords('a\\')).toMatchObject({ ok: false, at: 1 });
  });
});

test('joinWords is undone by splitWords', () => {
  const list = ['plain', '', 'two words', `it's`, `"both" 'kinds' \\`, '\ttab', '日本 語'];
  expect(words(joinWords(list))).toEqual(list);
});
