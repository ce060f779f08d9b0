import { expect, test } from 'vitest';
import { deviceName } from './user-agent';

test('browsers are told apart although they all call themselves each other', () => {
  const chrome = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36';
  expect(deviceName(chrome)).toBe('Chrome 142 on Linux');
  expect(deviceName(`${chrome} Edg/142.0.1`)).toBe('Edge 142 on Linux');
  expect(deviceName('Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15')).toBe('Safari 18 on macOS');
  expect(deviceName('Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0')).toBe('Firefox 140 on Windows');
  expect(deviceName('cloister/0.1.0')).toBe('cloister/0.1.0');
  expect(deviceName(' ')).toBe('Unknown program');
});
