// Walks the console in a real browser: sign in by link, upload, deploy, run, read the output and the log; axe on each state.
//
// Against the mock by default. Against a host: CLOISTER_URL, CLOISTER_LINK (a one-time link of a tenant's owner) and
// CLOISTER_WASM (a hello-world module; one is built in). CLOISTER_EXPECT is what its output holds, CLOISTER_SHOTS a
// directory for screenshots, CHROMIUM the browser.
import { access, mkdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, join } from 'node:path';
import { chromium } from 'playwright-core';
import { ADMIN_LOOKS, adminWalk } from './browser-admin.mjs';
import { terminalWalk } from './browser-terminal.mjs';
import { helloWasm } from './hello.mjs';

const environment = process.env;
const axeSource = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const expected = environment.CLOISTER_EXPECT ?? 'hello';
const failures = [];

const target = await openTarget();
const wasm = environment.CLOISTER_WASM ? await readFile(environment.CLOISTER_WASM) : helloWasm();
const wasmName = environment.CLOISTER_WASM ? basename(environment.CLOISTER_WASM) : 'hello-world.wasm';
const command = `hello-${Date.now().toString(36)}`;

const browser = await chromium.launch({
  executablePath: environment.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'],
});
const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, colorScheme: 'light', reducedMotion: 'reduce' });
const page = await context.newPage();
page.setDefaultTimeout(15_000);
page.on('pageerror', (error) => failures.push(`script error: ${error.message}`));
page.on('console', (message) => {
  // A refused renewal at the start, and the refusals and cuts this walk provokes, are logged by the browser as failures.
  if (message.type() === 'error' && !/Failed to load resource|WebSocket connection to .* failed/.test(message.text())) failures.push(`console: ${message.text()} (${message.location().url}:${message.location().lineNumber})`);
});

try {
  await walk();
} catch (error) {
  failures.push(String(error.stack ?? error));
  await shot('failure');
} finally {
  await browser.close();
  await target.close();
}
if (failures.length > 0) {
  console.error(`\n${failures.length} failed:\n- ${failures.join('\n- ')}`);
  process.exit(1);
}
console.log('all passed');

async function walk() {
  await step('sign-in', async () => {
    await page.goto(target.base);
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  });
  await step('sign-in-refused', async () => {
    await page.getByLabel('E-mail').fill('nobody@example.com');
    await page.getByLabel('Password').fill('not the password');
    await page.keyboard.press('Enter');
    await page.getByRole('alert').waitFor();
  });
  await step('link', async () => {
    await page.goto(target.link);
    await page.getByRole('heading', { name: /one-time link/ }).waitFor();
    if (page.url().includes('link/')) failures.push('the secret of the link stays in the address');
  });
  await step('offer-password', async () => {
    await page.getByRole('button', { name: 'Sign in' }).click();
    // Behind the dialog nothing has a role any more.
    await page.locator('.rail').waitFor();
    await page.getByRole('dialog').waitFor({ timeout: 3_000 }).catch(() => undefined);
  });
  await page.keyboard.press('Escape');
  const [, tenant] = /\/t\/([^/]+)\//.exec(page.url());
  const administer = () => adminWalk({ page, step, failures, base: target.base, tenant });
  if (environment.CLOISTER_ONLY === 'admin') {
    await administer();
    return looks(ADMIN_LOOKS);
  }
  await terminalWalk({ page, step, failures, ...target.terminal });
  if (environment.CLOISTER_ONLY === 'terminal') return;
  await step('commands-before', async () => {
    await page.getByRole('link', { name: 'Commands' }).click();
    await page.getByRole('heading', { name: 'Commands', exact: true }).waitFor();
  });
  await step('modules-empty', async () => {
    await page.getByRole('link', { name: 'Modules' }).click();
    await page.getByTestId('drop').waitFor();
  });
  await step('upload-refused', async () => {
    await drop('notes.txt', Buffer.from('these are not the bytes you are looking for'));
    await page.getByRole('alert').waitFor();
    await page.getByText(/module_not_wasm|not_wasm|module_invalid|invalid_module/).waitFor();
  });
  await step('upload', async () => {
    await drop(wasmName, wasm);
    await page.getByTestId('module').waitFor();
    await page.getByText('What it needs').waitFor();
  });
  await step('deploy-form', async () => {
    await page.getByLabel('Name', { exact: true }).fill(command);
    await page.getByLabel('Description').fill('Says hello');
    await page.getByRole('button', { name: 'Grant a directory' }).click();
    await page.getByText('Limits of a run').click();
    await page.getByLabel('Wall time').fill('5 s');
  });
  await step('deployed', async () => {
    await page.getByRole('button', { name: 'Deploy', exact: true }).click();
    await page.getByLabel(`Arguments of ${command}`).waitFor();
  });
  await step('run-quote-error', async () => {
    await page.getByLabel(`Arguments of ${command}`).fill('"open');
    await page.getByRole('button', { name: 'Run', exact: true }).click();
    await page.getByText('is not closed').waitFor();
  });
  await step('run', async () => {
    await page.getByLabel(`Arguments of ${command}`).fill(`'Ada Lovelace' twice`);
    await page.getByText('Input and environment').click();
    await page.getByLabel('Environment').fill('GREETING=hello');
    await page.getByLabel(`Arguments of ${command}`).press('Enter');
    await page.getByTestId('run-status').getByText('Exit 0').waitFor();
    await page.locator('.xterm-screen').waitFor();
    await page.locator('.run-log .log-row').first().waitFor();
  });
  await step('output', async () => {
    await page.getByRole('button', { name: 'Plain text' }).click();
    await page.locator('.screen-plain', { hasText: new RegExp(expected, 'i') }).waitFor();
  });
  await page.getByRole('button', { name: 'Plain text' }).click();
  await step('reload', async () => {
    await page.reload();
    await page.getByTestId('run-status').getByText('Exit 0').waitFor();
  });
  await step('run-again', async () => {
    const before = page.url();
    const line = page.getByLabel(`Arguments of ${command}`);
    await page.getByRole('button', { name: 'Run again' }).click();
    if ((await line.inputValue()) !== `'Ada Lovelace' twice`) failures.push('the arguments are not taken over');
    await line.fill('half typed');
    await line.press('ArrowUp');
    if ((await line.inputValue()) !== `'Ada Lovelace' twice`) failures.push('the arrow does not recall arguments');
    await line.press('ArrowDown');
    if ((await line.inputValue()) !== 'half typed') failures.push('what was being typed is lost');
    await page.keyboard.press('Enter');
    await page.waitForURL((url) => url.href !== before);
    await page.getByTestId('run-status').getByText('Exit 0').waitFor();
  });
  await step('keyboard', async () => {
    // Tab must lead through the terminal and out of it again.
    await page.locator('.xterm-helper-textarea').focus();
    await page.keyboard.press('Tab');
    const inside = await page.evaluate(() => document.activeElement?.closest('.xterm') !== null);
    if (inside) failures.push('the terminal keeps the focus');
    await page.getByRole('button', { name: 'Theme' }).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('menuitemradio', { name: 'Dark' }).waitFor();
  });
  await step('theme', async () => {
    await page.getByRole('menuitemradio', { name: 'Dark' }).click();
    await page.reload();
    await page.locator('html[data-theme="dark"]').waitFor();
    await page.getByRole('button', { name: 'Theme' }).click();
    await page.getByRole('menuitemradio', { name: 'As the system' }).click();
    await page.locator('html:not([data-theme])').waitFor();
  });
  await step('runs', async () => {
    await page.getByRole('link', { name: 'Runs', exact: true }).click();
    await page.getByRole('link', { name: new RegExp(command) }).first().waitFor();
  });
  await step('logs', async () => {
    await page.getByRole('link', { name: 'Logs', exact: true }).click();
    await page.locator('.log-row', { hasText: new RegExp(expected, 'i') }).first().waitFor();
  });
  await step('logs-filtered', async () => {
    await page.getByLabel('Text in the line').fill('no such text anywhere');
    await page.getByText('No line matches').waitFor();
    if (!page.url().includes('text=')) failures.push('the text filter is not in the address');
    // Upper and lower case are told apart: look for it as it was written.
    await page.getByRole('button', { name: 'Clear' }).click();
    const text = page.locator('.log-text', { hasText: new RegExp(expected, 'i') }).first();
    const [word] = new RegExp(expected, 'i').exec(await text.textContent());
    await page.getByLabel('Text in the line').fill(word);
    await page.locator('.log-row mark').first().waitFor();
    await page.locator('.log-row').first().click();
  });
  await step('files', async () => {
    await page.getByRole('link', { name: 'Files', exact: true }).click();
    await page.getByRole('heading', { name: 'Files' }).waitFor();
    await page.locator('main').getByText(/empty|Changed/).first().waitFor();
  });
  await step('file-uploaded', async () => {
    await page.locator('input[type=file]').setInputFiles({ name: 'notes from a walk.txt', mimeType: 'text/plain', buffer: Buffer.from('kept') });
    await page.getByRole('cell', { name: '4 B' }).waitFor();
    const download = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Download notes from a walk.txt' }).click();
    const content = await readFile(await (await download).path(), 'utf8');
    if (content !== 'kept') failures.push(`the downloaded file holds ${JSON.stringify(content)}`);
  });
  await step('file-delete', async () => {
    await page.getByRole('button', { name: 'Delete notes from a walk.txt' }).click();
    await page.getByRole('dialog').waitFor();
  });
  await step('file-deleted', async () => {
    await page.getByRole('button', { name: 'Delete', exact: true }).click();
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await page.getByText('notes from a walk.txt').waitFor({ state: 'detached' });
  });
  await administer();
  if (target.extra) await target.extra({ page, step, drop, failures });
  await looks(['Terminal', 'Commands', 'Runs', 'Logs', 'Modules', 'Files', ...ADMIN_LOOKS]);
  await step('signed-out', async () => {
    await page.getByRole('button', { name: 'Account' }).click();
    await page.getByRole('menuitem', { name: 'Sign out' }).click();
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    await page.reload();
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  });
}

/** The same pages in the dark and at phone width: contrast and overflow differ there. */
async function looks(names) {
  for (const [suffix, colorScheme, width] of [
    ['dark', 'dark', 1280],
    ['phone', 'light', 390],
    ['phone-dark', 'dark', 390],
  ]) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await page.setViewportSize({ width, height: 844 });
    for (const name of names) {
      await step(`${name.toLowerCase().replace(' ', '-')}-${suffix}`, async () => {
        if (ADMIN_LOOKS.includes(name)) await page.getByRole('link', { name: 'Admin', exact: true }).click();
        await page.getByRole('link', { name, exact: true }).click();
        await page.waitForLoadState('networkidle', { timeout: 1500 }).catch(() => undefined);
        if (name === 'Commands') {
          await page.getByRole('navigation', { name: 'Commands' }).getByRole('link', { name: command }).click();
          await page.locator('.recent-list a').first().click();
          await page.getByTestId('run-status').getByText(/Exit|Killed|Trapped|Out/).waitFor();
          await page.locator('.xterm-screen').waitFor();
        }
        if (name === 'Terminal') {
          const open = page.getByRole('button', { name: 'Open a terminal' });
          await open.or(page.getByTestId('session-state').first()).first().waitFor();
          if (await open.isVisible()) await open.click();
          await page.getByTestId('session-state').getByText('Live').first().waitFor();
          await page.keyboard.type('echo "a look"\n');
          await page.locator('.term-block').first().waitFor();
        }
        if (name === 'Modules') await page.locator('tbody a').first().click();
        const overlaps = await page.evaluate(() => [...document.querySelectorAll('.table tbody tr')].filter((row) => row.scrollHeight > row.clientHeight + 1).length);
        if (overlaps > 0) failures.push(`${name} at ${width} px has ${overlaps} rows that spill over`);
        const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
        if (wide > 0) failures.push(`${name} at ${width} px is ${wide} px too wide`);
      });
    }
  }
  await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
  await page.setViewportSize({ width: 1280, height: 860 });
}

async function step(name, act) {
  const started = performance.now();
  await act();
  const tookMs = Math.round(performance.now() - started);
  const violations = await axe();
  for (const { id, help, nodes } of violations) {
    failures.push(`${name}: axe ${id}: ${help} (${nodes.map((node) => node.target.join(' ')).slice(0, 3).join(' | ')})`);
  }
  await shot(name);
  console.log(`${violations.length === 0 ? 'ok  ' : 'axe '} ${name} (${tookMs} ms)`);
}

async function axe() {
  await page.evaluate(axeSource);
  const results = await page.evaluate(() =>
    // Rows of a terminal are drawn for the eye; its own accessibility tree is what is read.
    window.axe.run({ exclude: [['.xterm-rows']] }, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'] }),
  );
  return results.violations;
}

async function drop(name, bytes) {
  const transfer = await page.evaluateHandle(
    ([fileName, base64]) => {
      const data = new DataTransfer();
      const content = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
      data.items.add(new File([content], fileName, { type: 'application/wasm' }));
      return data;
    },
    [name, bytes.toString('base64')],
  );
  await page.dispatchEvent('[data-testid="drop"]', 'drop', { dataTransfer: transfer });
}

async function shot(name) {
  if (!environment.CLOISTER_SHOTS) return;
  await mkdir(environment.CLOISTER_SHOTS, { recursive: true });
  await page.screenshot({ path: join(environment.CLOISTER_SHOTS, `${name}.png`) });
}

/** Commands that a host under test says it has, separated by commas; those of its demo when it says nothing. */
function commandsOfHost(name) {
  return (environment.CLOISTER_COMMANDS ?? 'cat,seq,sleep').split(',').includes(name);
}

async function openTarget() {
  if (environment.CLOISTER_URL) {
    if (!environment.CLOISTER_LINK) throw new Error('Give CLOISTER_LINK, a one-time link of a tenant’s owner.');
    const { demoOnly } = await import('./browser-host.mjs');
    return { extra: demoOnly, terminal: { has: commandsOfHost }, base: environment.CLOISTER_URL, link: environment.CLOISTER_LINK, close: async () => undefined };
  }
  await access(new URL('../dist/index.html', import.meta.url)).catch(() => {
    throw new Error('Build the console first: npm run build');
  });
  const { createMock, listen } = await import('./mock/server.mjs');
  const { mockOnly } = await import('./browser-mock.mjs');
  const mock = createMock({ tokenLifetimeS: Number(environment.MOCK_TOKEN_S ?? 300) });
  const base = await listen(mock);
  return {
    base,
    link: `${base}/#/link/${mock.ownerLink}`,
    extra: mockOnly({ base, mock }),
    terminal: { mock, has: () => true },
    close: async () => {
      mock.server.closeAllConnections();
      mock.server.close();
    },
  };
}
