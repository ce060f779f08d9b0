// Measures the log's tail: lines written at a steady rate, how far behind the page is, and the frames meanwhile.
//
// node tests/flood-tail.mjs [lines a second] [seconds]; PROFILE=1 prints where the page's time goes.
import { chromium } from 'playwright-core';
import { createMock, listen } from './mock/server.mjs';

const rate = Number(process.argv[2] ?? 10_000);
const seconds = Number(process.argv[3] ?? 10);
/** The host's log writer commits about as often. */
const TICK_MS = 20;
const LATE_FRAME_MS = 34;
const LOOK_MS = 250;

const mock = createMock();
const base = await listen(mock);
const acme = mock.world.tenants.get('acme');
const run = { id: 'run_flood', command: 'importer' };
const LEVELS = ['INFO', 'DEBUG', 'WARN', 'INFO', 'ERROR'];
let written = 0;
const write = () => acme.log(run, 'stdout', `${LEVELS[written % 5]} line ${written++} of a command that has much to say, at some length`);

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'],
});
try {
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  await page.goto(`${base}/#/link/${mock.ownerLink}`);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('dialog').waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('link', { name: 'Logs', exact: true }).click();
  await page.getByText('Live', { exact: true }).waitFor();
  write();
  await page.locator('.log-row', { hasText: 'line 0 ' }).waitFor();
  await page.evaluate(() => {
    window.frames = [];
    let last = performance.now();
    const tick = (now) => {
      window.frames.push(now - last);
      last = now;
      requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
  });
  const session = await page.context().newCDPSession(page);
  if (process.env.PROFILE) await session.send('Profiler.enable').then(() => session.send('Profiler.start'));
  const shown = () => page.evaluate(() => Number(/line (\d+) /.exec([...document.querySelectorAll('.log-row')].at(-1)?.textContent ?? '')?.[1] ?? -1));

  const started = performance.now();
  const behind = [];
  await new Promise((resolve) => {
    const timer = setInterval(() => {
      const due = Math.min(rate * seconds, Math.floor(((performance.now() - started) / 1000) * rate));
      while (written <= due) write();
      if (due === rate * seconds) resolve(clearInterval(timer));
    }, TICK_MS);
    const look = setInterval(async () => {
      if (written > rate * seconds) return clearInterval(look);
      const before = written;
      const at = await shown().catch(() => -1);
      if (at >= 0) behind.push(Math.max(0, before - at));
    }, LOOK_MS);
  });
  const writingS = (performance.now() - started) / 1000;
  const { frames } = await page.evaluate(() => ({ frames: window.frames }));
  while ((await shown()) < written - 1) await page.waitForTimeout(20);
  const allS = (performance.now() - started) / 1000;
  const late = frames.filter((ms) => ms > LATE_FRAME_MS).length;
  const sorted = [...behind].sort((a, b) => a - b);
  console.log(
    `${rate} lines/s for ${writingS.toFixed(1)} s: all shown after ${allS.toFixed(1)} s (${Math.round(written / allS)} lines/s), ` +
      `behind ${sorted[sorted.length >> 1]} lines at the median and ${sorted.at(-1)} at most, ` +
      `${Math.round(frames.length / writingS)} frames/s, ${late} of ${frames.length} frames late, longest ${Math.round(Math.max(...frames))} ms`,
  );
  if (process.env.PROFILE) report((await session.send('Profiler.stop')).profile);
} finally {
  await browser.close();
  mock.server.closeAllConnections();
  mock.server.close();
}

/** Time by function, the busiest first. */
function report({ nodes, samples, timeDeltas }) {
  const names = new Map(nodes.map(({ id, callFrame }) => [id, `${callFrame.functionName || '(anonymous)'} ${callFrame.url.split('/').at(-1)}:${callFrame.lineNumber}:${callFrame.columnNumber}`]));
  const total = new Map();
  samples.forEach((id, index) => total.set(names.get(id), (total.get(names.get(id)) ?? 0) + timeDeltas[index]));
  const busiest = [...total].sort(([, a], [, b]) => b - a).slice(0, 25);
  for (const [name, us] of busiest) console.log(`${(us / 1000).toFixed(0).padStart(7)} ms  ${name}`);
}
