// Parts of the browser walk with the commands of a host's demo; each is left out where its command is missing.
import { typing } from './browser-mock.mjs';

export async function demoOnly({ page, step, failures }) {
  const open = async (command) => {
    await page.getByRole('link', { name: 'Commands', exact: true }).click();
    const link = page.getByRole('navigation', { name: 'Commands' }).locator(`a[href$="command=${command}"]`);
    await link.or(page.getByRole('heading', { name: 'No commands yet' })).first().waitFor({ timeout: 3_000 }).catch(() => undefined);
    if ((await link.count()) === 0) return false;
    await link.click();
    await page.getByLabel(`Arguments of ${command}`, { exact: true }).waitFor();
    return true;
  };
  if (await open('cat')) await typing({ page, step, failures, command: 'cat', answer: (line) => line });
  if (await open('seq')) {
    await step('much-output', async () => {
      await page.getByLabel('Arguments of seq', { exact: true }).fill('100000');
      await page.getByRole('button', { name: 'Run', exact: true }).click();
      await page.getByTestId('run-status').getByText('Exit 0').waitFor();
      await page.locator('.run-log .log-row', { hasText: /100000$/ }).waitFor();
    });
  }
  if (await open('sleep')) {
    await step('killed', async () => {
      await page.getByLabel('Arguments of sleep', { exact: true }).fill('60');
      await page.getByRole('button', { name: 'Run', exact: true }).click();
      await page.getByRole('button', { name: 'Kill' }).click();
      await page.getByTestId('run-status').getByText('Killed').waitFor();
    });
  }
}
