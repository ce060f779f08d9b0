// Parts of the browser walk that need commands which only the mock has: an endless one, a noisy one, failing ones.
import { activeNow, logWalk, sideBySide } from './browser-logs.mjs';
import { terminalOf } from './browser-terminal.mjs';
import { helloWasm } from './hello.mjs';

/** Types into a run of a command that answers each line, over a reload, and ends its input. */
export async function typing({ page, step, failures, command, answer }) {
  await step('typing', async () => {
    await page.getByRole('navigation', { name: 'Commands' }).getByRole('link', { name: command, exact: false }).first().click();
    await page.getByText('Input and environment').click();
    await page.getByLabel('Type it while the command runs').check();
    await page.getByRole('button', { name: 'Run', exact: true }).click();
    await page.getByLabel('Input for the command').fill('first words');
    await page.keyboard.press('Enter');
    await page.locator('.run-log .log-row', { hasText: answer('first words') }).waitFor();
  });
  await step('typing-on', async () => {
    await page.reload();
    const line = page.getByLabel('Input for the command');
    await line.fill('after a reload\nand two lines');
    await line.press('Enter');
    await page.locator('.run-log .log-row', { hasText: answer('and two lines') }).waitFor();
    await line.press('ArrowUp');
    if ((await line.inputValue()) !== 'after a reload\nand two lines') failures.push('the arrow does not recall a line that was sent');
    await line.fill('');
  });
  await step('typing-ended', async () => {
    await page.getByLabel('Input for the command').press('Control+d');
    await page.getByTestId('run-status').getByText('Exit 0').waitFor();
    if (await page.getByLabel('Input for the command').count()) failures.push('a run that ended still asks for input');
  });
}

export function mockOnly({ base, mock }) {
  return async ({ page, step, drop, failures }) => {
    for (const name of ['slow-ticker', 'noisy-import', 'fail-fast', 'trap-divide', 'echo-lines']) await deployAs(page, drop, name);

    await step('kill', async () => {
      await page.goto(`${base}/t/acme/commands?command=slow-ticker`);
      await page.getByRole('button', { name: 'Run', exact: true }).click();
      await page.locator('.run-log .log-row').nth(1).waitFor();
      await page.getByRole('button', { name: 'Kill' }).click();
      await page.getByTestId('run-status').getByText('Killed').waitFor();
    });
    await typing({ page, step, failures, command: 'echo-lines', answer: (line) => `heard ${line}` });
    await step('fail', async () => {
      await page.goto(`${base}/t/acme/commands?command=fail-fast`);
      await page.getByRole('button', { name: 'Run', exact: true }).click();
      await page.getByTestId('run-status').getByText('Exit 2').waitFor();
    });
    await step('trap', async () => {
      await page.goto(`${base}/t/acme/commands?command=trap-divide`);
      await page.getByRole('button', { name: 'Run', exact: true }).click();
      await page.getByTestId('run-status').getByText('Trapped').waitFor();
    });
    await step('follow', async () => {
      await page.goto(`${base}/t/acme/commands?command=noisy-import`);
      await page.getByLabel('Arguments of noisy-import').fill('4000');
      await page.getByRole('button', { name: 'Run', exact: true }).click();
      await page.getByTestId('run-status').getByText('Exit 0').waitFor();
      await page.locator('.run-log .log-row', { hasText: 'line 3999 ' }).waitFor();
    });
    await step('viewer', async () => {
      // Who may only read has no terminal, and so no console connection: output and log come by streams of their own.
      const token = mock.world.invite('viewer@acme.example', 'acme', 'viewer');
      const url = page.url();
      const guest = await page.context().browser().newContext({ viewport: { width: 1280, height: 860 } });
      const theirs = await guest.newPage();
      await theirs.goto(`${base}/#/invitation/${token}`);
      await theirs.getByLabel('New password').fill('correct horse battery');
      await theirs.getByRole('button', { name: 'Make the account and join' }).click();
      await theirs.locator('.rail').waitFor();
      await theirs.goto(url);
      await theirs.getByTestId('run-status').getByText('Exit 0').waitFor();
      await theirs.getByRole('button', { name: 'Plain text' }).click();
      await theirs.locator('.screen-plain', { hasText: 'line 3999 ' }).waitFor();
      await theirs.locator('.run-log .log-row', { hasText: 'line 3999 ' }).waitFor();
      const offered = await theirs.getByRole('button', { name: /^(Run|Run again…|Remove the command.*)$/ }).count();
      if (offered > 0) failures.push('a viewer is offered what the host refuses');
      if (await theirs.getByRole('link', { name: 'Terminal' }).count()) failures.push('a viewer is offered a terminal');
      await guest.close();
    });
    await step('paused', async () => {
      await page.goto(`${base}/t/acme/logs`);
      await page.locator('.log-row', { hasText: 'line 3999 ' }).waitFor();
      await page.locator('.log-scroll').hover();
      await page.mouse.wheel(0, -900);
      const tenant = mock.world.tenants.get('acme');
      await page.locator('.log-pill').waitFor();
      for (let i = 0; i < 312; i++) tenant.log({ id: 'run_later', command: 'noisy-import' }, 'stdout', `INFO later ${i}`);
      await page.getByRole('button', { name: 'Paused, 312 new' }).waitFor();
    });
    await step('resumed', async () => {
      await page.locator('.log-pill').click();
      await page.locator('.log-row', { hasText: 'later 311' }).waitFor();
      if (await page.locator('.log-pill').count()) failures.push('the pill stays after following again');
    });
    await step('older', async () => {
      // Each look scrolls further up, as a person would, until the line is there.
      await page.waitForFunction(
        () => {
          const scroller = document.querySelector('.log-scroll');
          if (scroller.textContent.includes('line 3700 ')) return true;
          scroller.scrollTop -= 2000;
          return false;
        },
        undefined,
        { polling: 60 },
      );
    });
    await step('reconnect', async () => {
      // Cuts every connection; the tail must come back by itself and miss nothing.
      await page.goto(`${base}/t/acme/logs?command=slow-ticker`);
      await page.getByText('Live', { exact: true }).waitFor();
      const tenant = mock.world.tenants.get('acme');
      mock.cut();
      await page.getByText('Reconnecting', { exact: true }).waitFor();
      tenant.log({ id: 'run_later', command: 'slow-ticker' }, 'stdout', 'INFO during the cut');
      await page.getByText('Live', { exact: true }).waitFor();
      await page.locator('.log-row', { hasText: 'during the cut' }).waitFor();
      tenant.log({ id: 'run_later', command: 'slow-ticker' }, 'stdout', 'INFO after the cut');
      await page.locator('.log-row', { hasText: 'after the cut' }).waitFor();
    });
    await logWalk({ page, base, step, failures, mock });
    await step('rate-limited', async () => {
      mock.refuseRuns = true;
      await page.goto(`${base}/t/acme/commands?command=slow-ticker`);
      await page.getByRole('button', { name: 'Run', exact: true }).click();
      await page.getByText(/Try again in \d+ s, at/).waitFor();
      mock.refuseRuns = false;
    });
    await step('compiling', async () => {
      mock.compileMs = 1_500;
      await page.goto(`${base}/t/acme/modules`);
      await drop('slow-to-compile.wasm', helloWasm('a module that takes long\n'));
      await page.getByText('Compiling on the host').waitFor();
    });
    await page.getByRole('heading', { name: 'slow-to-compile.wasm' }).waitFor();
    mock.compileMs = 0;
    await step('expired', async () => {
      await page.goto(`${base}/t/acme/runs`);
      await page.getByRole('heading', { name: 'Runs' }).waitFor();
      const cookies = await page.context().cookies(`${base}/v1/auth`);
      const held = new Map(mock.world.refresh);
      mock.world.access.clear();
      mock.world.refresh.clear();
      await page.getByRole('link', { name: 'Files' }).click();
      await page.getByText('Your session has ended').waitFor();
      for (const [token, user] of held) mock.world.refresh.set(token, user);
      await page.context().addCookies(cookies);
    });
    await page.goto(`${base}/t/acme/logs`);
    await step('switch-tenant', async () => {
      await page.getByRole('button', { name: /Switch tenant/ }).click();
      await page.getByRole('menuitem', { name: /Globex/ }).click();
      await page.waitForURL(/\/t\/globex\/logs$/);
      await page.getByText('The log is empty').waitFor();
    });
    await step('foreign-tenant', async () => {
      await page.goto(`${base}/t/initech/runs`);
      await page.getByText('There is nothing here').waitFor();
    });
    await sideBySide({ page, base, step, failures, terminalOf });
    await activeNow({ page, base, step, failures, mock, terminalOf });
    await operator(page, step, base, mock);
    await invitation(page, step, base, mock);
    await page.goto(`${base}/t/acme/commands`);
  };
}

async function deployAs(page, drop, name) {
  await page.getByRole('link', { name: 'Modules' }).click();
  await drop(`${name}.wasm`, helloWasm(`${name}\n`));
  await page.getByRole('heading', { name: `${name}.wasm` }).waitFor();
  await page.getByRole('button', { name: 'Deploy', exact: true }).click();
  await page.getByLabel(`Arguments of ${name}`).waitFor();
}

/** A newcomer makes an account; its cookie replaces the owner's, which is put back. */
async function invitation(page, step, base, mock) {
  const cookies = await page.context().cookies(`${base}/v1/auth`);
  await page.context().clearCookies();
  await page.goto('about:blank');
  await step('invitation', async () => {
    await page.goto(`${base}/#/invitation/${mock.invitation}`);
    await page.getByRole('heading', { name: 'You are invited' }).waitFor();
  });
  await step('invitation-short', async () => {
    await page.getByLabel('New password').fill('short');
    await page.getByRole('button', { name: 'Make the account and join' }).click();
    await page.locator('p.error').waitFor();
  });
  await step('invitation-accepted', async () => {
    await page.getByLabel('New password').fill('four unrelated words here');
    await page.getByRole('button', { name: 'Make the account and join' }).click();
    await page.locator('.rail').waitFor();
    await page.locator('.tenant').getByText('Acme Works').waitFor();
  });
  await step('invitation-used', async () => {
    await page.goto('about:blank');
    await page.context().clearCookies();
    await page.goto(`${base}/#/invitation/${mock.invitation}`);
    await page.getByLabel('New password').fill('four unrelated words here');
    await page.getByRole('button', { name: 'Make the account and join' }).click();
    await page.getByText('invitation_invalid').waitFor();
  });
  await page.goto('about:blank');
  await page.context().clearCookies();
  await page.context().addCookies(cookies);
}

/** In a context of its own would be cleaner, but the walk's steps belong to one page: sign in as the operator and back. */
async function operator(page, step, base, mock) {
  const cookies = await page.context().cookies(`${base}/v1/auth`);
  await page.context().clearCookies();
  await page.goto('about:blank');
  await page.goto(`${base}/#/link/${mock.operatorLink}`);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('dialog').waitFor();
  await page.keyboard.press('Escape');
  await step('operator', async () => {
    await page.getByLabel('Name', { exact: true }).fill('Initech Labs');
    await page.getByLabel('Owner’s e-mail').fill('bill@initech.example');
    await page.getByRole('button', { name: 'Create the tenant' }).click();
    await page.getByTestId('owner-link').waitFor();
  });
  const row = page.getByRole('row', { name: /Initech Labs/ });
  const choose = async (label) => {
    await row.getByRole('button', { name: 'Change Initech Labs' }).click();
    await page.getByRole('menuitem', { name: label }).click();
    await page.getByRole('dialog').waitFor();
  };
  const act = async (action) => {
    await page.getByLabel('Reason').fill('They asked for it');
    await page.getByRole('dialog').getByRole('button', { name: action, exact: true }).click();
    await page.getByRole('dialog').waitFor({ state: 'detached' });
  };
  await step('operator-plan', async () => {
    await choose('Change the plan…');
    await page.getByRole('dialog').getByLabel('Plan').selectOption('starter');
    await page.getByRole('dialog').getByRole('button', { name: 'Change the plan', exact: true }).click();
    await page.getByText('Say why: it stands in the audit.').waitFor();
    await act('Change the plan');
    await row.getByText('starter').waitFor();
  });
  await step('operator-suspend-dialog', () => choose('Suspend…'));
  await step('operator-suspended', async () => {
    await act('Suspend');
    await row.getByText('suspended').waitFor();
    await row.getByText('They asked for it').waitFor();
    await choose('Resume…');
    await act('Resume');
    await row.getByText('active').waitFor();
  });
  await step('operator-taken-down', async () => {
    await choose('Take down…');
    await page.getByLabel('Grace, in days').fill('3');
    await act('Take down');
    await row.getByText(/^To be erased /).waitFor();
  });
  await step('operator-erased', async () => {
    await choose('Erase now…');
    await page.getByLabel('Its name in addresses, to confirm').fill('initech-labs');
    await act('Erase');
    await row.waitFor({ state: 'detached' });
  });
  await page.goto('about:blank');
  await page.context().clearCookies();
  await page.context().addCookies(cookies);
}
