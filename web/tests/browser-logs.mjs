// The part of the browser walk in the log that needs the mock's lines: filters, histogram, one line in its context, downloads.
import { readFile } from 'node:fs/promises';

export async function logWalk({ page, base, step, failures, mock }) {
  const check = (isTrue, what) => isTrue || failures.push(what);
  const tenant = mock.world.tenants.get('acme');
  const run = { id: 'run_structured', command: 'importer' };
  for (let i = 0; i < 300; i++) {
    tenant.log(run, i % 7 === 0 ? 'stderr' : 'stdout', JSON.stringify({ level: i % 50 === 0 ? 'error' : 'info', message: `row ${i}`, status: i % 50 === 0 ? 500 : 200, request: { user: { id: i } } }));
  }
  const count = page.getByTestId('log-count');

  await step('logs-histogram', async () => {
    await page.goto(`${base}/t/acme/logs?command=importer`);
    await count.getByText('300 lines').waitFor();
    await page.getByTestId('histogram').waitFor();
  });
  await step('logs-level', async () => {
    await page.getByRole('button', { name: 'Level', exact: true }).click();
    await page.getByRole('menuitemcheckbox', { name: 'error' }).click();
    await page.keyboard.press('Escape');
    await count.getByText('6 lines').waitFor();
    check(page.url().includes('level=error'), 'the level is not in the address');
  });
  await step('logs-field', async () => {
    await page.getByLabel(/Field of JSON lines/).fill('request.user.id=150');
    await page.keyboard.press('Enter');
    await count.getByText('1 line', { exact: true }).waitFor();
    await page.getByRole('button', { name: /field request.user.id=150. Remove/ }).waitFor();
  });
  await step('logs-line', async () => {
    await page.locator('.log-row').first().click();
    await page.getByRole('link', { name: '500' }).waitFor();
  });
  await step('logs-context', async () => {
    await page.getByRole('link', { name: 'In context' }).click();
    await page.getByText('In context', { exact: true }).first().waitFor();
    await page.locator('[data-wanted] .log-row', { hasText: 'row 150' }).waitFor();
    await page.locator('.log-row', { hasText: 'row 149' }).waitFor();
    await page.locator('.log-row', { hasText: 'row 151' }).waitFor();
    check(/line=\d+/.test(page.url()), 'the line is not in the address');
  });
  await step('logs-line-gone', async () => {
    await page.goto(`${base}/t/acme/logs?line=99999999`);
    await page.getByText('line_not_found').waitFor();
  });
  await step('logs-regex', async () => {
    await page.goto(`${base}/t/acme/logs?command=importer`);
    await page.getByRole('button', { name: 'Regular expression' }).click();
    await page.getByRole('searchbox', { name: 'Regular expression' }).fill('row 29[0-4]');
    await count.getByText('5 lines').waitFor();
    check(page.url().includes('regex='), 'the pattern is not in the address');
  });
  await step('logs-regex-wrong', async () => {
    await page.getByRole('searchbox', { name: 'Regular expression' }).fill('row (');
    await page.getByText('invalid_value').first().waitFor();
  });
  await step('logs-range', async () => {
    await page.goto(`${base}/t/acme/logs`);
    const bars = page.getByTestId('histogram');
    const box = await bars.boundingBox();
    await page.mouse.move(box.x + box.width * 0.1, box.y + 20);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.6, box.y + 20, { steps: 4 });
    await page.mouse.up();
    await page.waitForURL(/from=.*to=/);
    await page.getByText('Up to a time').waitFor();
  });
  await step('logs-time', async () => {
    await page.getByRole('button', { name: 'Time', exact: true }).click();
    await page.getByRole('dialog').getByLabel('From').waitFor();
  });
  await page.getByRole('button', { name: 'Last hour' }).click();
  await page.waitForURL((url) => url.searchParams.has('from') && !url.searchParams.has('to'));
  await step('logs-missing', async () => {
    tenant.missing = [{ first_seq: 12, last_seq: 14 }];
    await page.goto(`${base}/t/acme/logs?command=importer`);
    await page.getByText('12 to 14').waitFor();
    tenant.missing = [];
  });
  for (const [item, ext, first] of [
    ['As written', 'txt', '{"level":"error","message":"row 0"'],
    ['JSON lines', 'jsonl', '{"seq":'],
  ]) {
    const download = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Download' }).click();
    await page.getByRole('menuitem', { name: item }).click();
    const file = await download;
    const content = await readFile(await file.path(), 'utf8');
    check(file.suggestedFilename() === `acme-log.${ext}` && content.startsWith(first) && content.trim().split('\n').length === 300, `the download “${item}” is not the filtered log`);
  }
}

/** Two tenants side by side, in two tabs: what one does is never seen in the other. */
export async function sideBySide({ page, base, step, failures, terminalOf }) {
  const other = await page.context().newPage();
  await page.goto(`${base}/t/acme/terminal`);
  await other.goto(`${base}/t/globex/terminal`);
  const [here, there] = [terminalOf(page), terminalOf(other)];
  await step('tenants-side-by-side', async () => {
    for (const [tab, at, word] of [
      [page, here, 'acme-only'],
      [other, there, 'globex-only'],
    ]) {
      await tab.bringToFront();
      await tab.getByRole('button', { name: 'Open a terminal' }).click();
      await at.live();
      await at.focus();
      await tab.keyboard.type(`echo ${word}\n`);
      await at.shows(new RegExp(`^${word}$`, 'm'));
    }
    if (/globex-only/.test(await here.text()) || /acme-only/.test(await there.text())) failures.push('one tenant’s terminal shows the other’s output');
    const session = new URL(page.url()).searchParams.get('session');
    await other.goto(`${base}/t/globex/terminal?session=${session}`);
    await other.getByText('The session in the address has ended, or is not yours').waitFor();
  });
  await other.close();
  await page.bringToFront();
}

/** Active runs and sessions, and that they are marked when they may be old. */
export async function activeNow({ page, base, step, failures, mock, terminalOf }) {
  const at = terminalOf(page);
  await page.goto(`${base}/t/acme/terminal`);
  await at.live();
  await at.focus();
  await page.keyboard.type('sleep 60\n');
  await at.ends('Running');
  await step('active', async () => {
    await page.getByRole('link', { name: 'Runs', exact: true }).click();
    await page.getByRole('list', { name: 'Active runs' }).getByText('sleep 60').waitFor();
    await page.getByRole('list', { name: 'Open sessions' }).getByText('Terminal 1').waitFor();
  });
  await step('active-stale', async () => {
    mock.blockWebSockets = true;
    mock.blockEvents = true;
    mock.blockPolls = true;
    mock.cut();
    await page.getByText('Stale', { exact: true }).waitFor();
    mock.blockWebSockets = mock.blockEvents = mock.blockPolls = false;
    await page.locator('.active-now').getByText('Live', { exact: true }).waitFor({ timeout: 30_000 });
  });
  await step('active-killed', async () => {
    await page.getByRole('button', { name: /Kill sleep/ }).first().click();
    await page.getByText('Nothing is running').waitFor();
  });
  if ((await page.locator('.active-now .badge.warn').count()) > 0) failures.push('the stale badge stays when the connection is back');
}
