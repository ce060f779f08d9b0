// Measures a flood of output: lines a second through the terminal and the log list together, and frames meanwhile.
import { chromium } from 'playwright-core';
import { helloWasm } from './hello.mjs';
import { inspect } from './mock/wasm.mjs';
import { createMock, listen } from './mock/server.mjs';

const lines = Number(process.argv[2] ?? 100_000);
const batch = Number(process.argv[3] ?? 500);

const mock = createMock();
const base = await listen(mock);
const acme = mock.world.tenants.get('acme');
const module = inspect(helloWasm(), 'noisy.wasm', 'flood');
acme.modules.set(module.digest, module);
const active = { version: 1, module: module.digest, description: '', limits: {}, grants: { directories: [], env: {}, network: [], secrets: [] }, created_at: module.created_at, created_by: 'flood' };
acme.deployments.set('noisy', { name: 'noisy', version: 1, active, history: [active] });

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'],
});
try {
  const page = await browser.newPage({ viewport: { width: 1280, height: 1400 } });
  await page.goto(`${base}/#/link/${mock.ownerLink}`);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('dialog').waitFor();
  await page.keyboard.press('Escape');
  await page.getByLabel('Arguments of noisy').fill(`${lines} ${batch}`);
  await page.evaluate(() => {
    window.frames60 = 0;
    window.longestMs = 0;
    let last = performance.now();
    const tick = (now) => {
      window.frames60 += 1;
      window.longestMs = Math.max(window.longestMs, now - last);
      last = now;
      requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
  });
  const started = performance.now();
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  await page.getByTestId('run-status').getByText('Exit 0').waitFor({ timeout: 180_000 });
  await page.locator('.run-log .log-row', { hasText: `line ${lines - 1} ` }).waitFor({ timeout: 180_000 });
  const seconds = (performance.now() - started) / 1000;
  const { frames60, longestMs, heap } = await page.evaluate(() => ({ frames60: window.frames60, longestMs: window.longestMs, heap: performance.memory?.usedJSHeapSize ?? 0 }));
  console.log(
    `${lines} lines in ${seconds.toFixed(1)} s: ${Math.round(lines / seconds)} lines/s, ${(frames60 / seconds).toFixed(0)} frames/s, longest frame ${Math.round(longestMs)} ms, heap ${Math.round(heap / 1e6)} MB`,
  );
} finally {
  await browser.close();
  mock.server.closeAllConnections();
  mock.server.close();
}
