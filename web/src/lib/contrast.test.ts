import { expect, test } from 'vitest';
import { contrast, isColor } from './contrast';

test('contrast is that of the standard', () => {
  expect(contrast('#000000', '#ffffff')).toBeCloseTo(21, 5);
  expect(contrast('#767676', '#ffffff')).toBeCloseTo(4.54, 2);
  expect(contrast('#23604f', '#23604f')).toBe(1);
  expect(['#12ab9F', '#123', 'red', '#1234567'].map(isColor)).toEqual([true, false, false, false]);
});
