// Splits what a person types into arguments, with a shell's quoting and nothing else of a shell.

export type SplitResult = { ok: true; words: string[] } | { ok: false; error: string; at: number };

/**
 * Blanks separate words. Single quotes keep everything; double quotes keep everything but `\"` and `\\`; a backslash
 * outside quotes keeps the next character. No expansion of `$`, `*`, `~` or `;`: no shell ever sees the words.
 */
export function splitWords(line: string): SplitResult {
  const words: string[] = [];
  let word: string | undefined;
  let quote: '"' | "'" | undefined;
  let quoteAt = 0;
  for (let i = 0; i < line.length; i++) {
    const char = line[i]!;
    if (quote === "'") {
      if (char === "'") quote = undefined;
      else word += char;
    } else if (quote === '"') {
      const next = line[i + 1];
      if (char === '"') quote = undefined;
      else if (char === '\\' && (next === '"' || next === '\\')) {
        word += next;
        i += 1;
      } else word += char;
    } else if (char === "'" || char === '"') {
      quote = char;
      quoteAt = i;
      word ??= '';
    } else if (char === '\\') {
      const next = line[i + 1];
      if (next === undefined) return { ok: false, error: 'The line ends after a backslash.', at: i };
      word = (word ?? '') + next;
      i += 1;
    } else if (/\s/.test(char)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else {
      word = (word ?? '') + char;
    }
  }
  if (quote) return { ok: false, error: `The quote ${quote} is not closed.`, at: quoteAt };
  if (word !== undefined) words.push(word);
  return { ok: true, words };
}

/** The shortest way to type a word so that `splitWords` gives it back. */
export function quoteWord(word: string): string {
  if (word !== '' && /^[^\s'"\\]+$/.test(word)) return word;
  if (!word.includes("'")) return `'${word}'`;
  return `"${word.replace(/[\\"]/g, '\\$&')}"`;
}

export const joinWords = (words: readonly string[]): string => words.map(quoteWord).join(' ');
