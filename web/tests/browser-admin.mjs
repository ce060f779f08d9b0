// Part of the browser walk: the administration of a tenant, one's own sessions, the command history. On the mock and on a host.

const unique = Date.now().toString(36);

export async function adminWalk({ page, step, failures, base, tenant }) {
  const check = (isTrue, what) => isTrue || failures.push(what);
  const admin = page.getByRole('navigation', { name: 'Administration' });
  const dialog = page.getByRole('dialog');
  const closed = () => dialog.waitFor({ state: 'detached' });
  const open = async (name) => {
    await page.getByRole('link', { name: 'Admin', exact: true }).click();
    await admin.getByRole('link', { name, exact: true }).click();
    await page.getByRole('heading', { name, level: 1 }).waitFor();
  };
  const rowMenu = async (row, item) => {
    await page.getByRole('button', { name: row }).click();
    await page.getByRole('menuitem', { name: item }).click();
  };

  await step('admin-members', async () => {
    await open('Members');
    await page.getByRole('table', { name: 'Members' }).getByText('You').waitFor();
  });
  await step('admin-invite', async () => {
    await page.getByRole('button', { name: 'Invite a person' }).click();
    await dialog.getByRole('button', { name: 'Make the link' }).click();
    await dialog.getByText('Give an e-mail address.').waitFor();
    await dialog.getByLabel('E-mail').fill(`hopper-${unique}@acme.example`);
    await dialog.getByLabel('Role').selectOption('runner');
  });
  let link;
  await step('admin-invited', async () => {
    await dialog.getByRole('button', { name: 'Make the link' }).click();
    link = await dialog.getByTestId('invitation-link').textContent();
    check(link.includes('/#/invitation/'), `the invitation's link is ${link}`);
  });
  await dialog.getByRole('button', { name: 'Done' }).click();
  await closed();
  await step('admin-invitation', async () => {
    const guest = await page.context().browser().newContext({ viewport: { width: 1280, height: 860 } });
    const theirs = await guest.newPage();
    await theirs.goto(link.startsWith(base) ? link : `${base}/#${link.split('/#')[1]}`);
    await theirs.getByLabel('New password').fill('correct horse battery');
    await theirs.getByRole('button', { name: 'Make the account and join' }).click();
    await theirs.locator('.rail').waitFor();
    // A runner sees what it may see, and no more.
    const sections = await theirs.locator('.rail-link').allTextContents();
    check(sections.includes('Terminal') && sections.includes('Modules'), `a runner sees ${sections}`);
    await theirs.goto(`${base}/t/${tenant}/admin`);
    await theirs.getByRole('heading', { name: 'Members', level: 1 }).waitFor();
    const parts = await theirs.locator('.subnav-link').allTextContents();
    check(!parts.includes('Audit') && !parts.includes('API keys') && parts.includes('Usage'), `a runner sees ${parts}`);
    check((await theirs.getByRole('button', { name: 'Invite a person' }).count()) === 0, 'a runner is offered to invite');
    await guest.close();
  });
  await step('admin-member-joined', async () => {
    await page.reload();
    await page.getByText(`hopper-${unique}@acme.example`).waitFor();
    check((await page.getByRole('table', { name: 'Members' }).getByRole('row').count()) >= 3, 'the new member is not listed');
  });
  await step('admin-role-new', async () => {
    await open('Roles');
    await page.getByRole('button', { name: 'New role' }).click();
    await dialog.getByLabel('Name').fill(`reporter-${unique}`);
    await dialog.getByLabel('What it is for').fill('Runs the reports and reads their logs');
    await dialog.getByLabel('log:read').check();
    await dialog.getByLabel('run:read').check();
    await dialog.getByLabel('May run only these commands').fill('report-* Bad');
    await dialog.getByText('is no name or pattern').waitFor();
    await dialog.getByLabel('May run only these commands').fill('report-* nightly');
  });
  await step('admin-role-made', async () => {
    await dialog.getByRole('button', { name: 'Make the role' }).click();
    await closed();
    await page.getByRole('button', { name: `4 permissions of reporter-${unique}` }).waitFor();
  });
  await step('admin-role-of-member', async () => {
    await open('Members');
    await rowMenu(`Actions for hopper-${unique}@acme.example`, 'Change the role…');
    await dialog.getByLabel('Role').selectOption(`reporter-${unique}`);
    await dialog.getByRole('button', { name: 'Change the role' }).click();
    await closed();
    await page.getByRole('cell', { name: `reporter-${unique}` }).waitFor();
  });
  await step('admin-role-in-use', async () => {
    await open('Roles');
    await rowMenu(`Actions for reporter-${unique}`, 'Remove…');
    await dialog.getByRole('button', { name: 'Remove' }).click();
    await dialog.getByText('role_in_use').waitFor();
    await page.keyboard.press('Escape');
    await closed();
  });
  await step('admin-member-removed', async () => {
    await open('Members');
    await rowMenu(`Actions for hopper-${unique}@acme.example`, 'Remove…');
    await dialog.getByRole('button', { name: 'Remove' }).click();
    await closed();
    await page.getByText(`hopper-${unique}@acme.example`).waitFor({ state: 'detached' });
  });
  await step('admin-keys', async () => open('API keys'));
  await step('admin-key-new', async () => {
    await page.getByRole('button', { name: 'New key' }).click();
    await dialog.getByRole('button', { name: 'Make the key' }).click();
    await dialog.getByText('Choose at least one permission.').waitFor();
    await dialog.getByLabel('Name').fill('nightly import');
    await dialog.getByLabel('Good for').selectOption('7');
    await dialog.getByRole('button', { name: 'Running commands' }).click();
    check(await dialog.getByLabel('run:create', { exact: true }).isChecked(), 'the choice of running is not taken');
  });
  await step('admin-key-made', async () => {
    await dialog.getByRole('button', { name: 'Make the key' }).click();
    const secret = await dialog.getByTestId('key-secret').textContent();
    check(secret.length > 20, `the key is ${secret}`);
  });
  await dialog.getByRole('button', { name: 'Done' }).click();
  await closed();
  await step('admin-key-listed', async () => page.getByRole('button', { name: 'Revoke nightly import' }).waitFor());
  await step('admin-key-revoked', async () => {
    await page.getByRole('button', { name: 'Revoke nightly import' }).click();
    await dialog.getByRole('button', { name: 'Revoke' }).click();
    await closed();
    await page.getByText('nightly import').waitFor({ state: 'detached' });
  });
  await step('admin-secret', async () => {
    await open('Secrets');
    await page.getByRole('button', { name: 'New secret' }).click();
    await dialog.getByLabel('Name').fill(`api-token-${unique}`);
    await dialog.getByLabel('Value').fill('hush hush');
    await dialog.getByRole('button', { name: 'Keep the secret' }).click();
    await closed();
    await page.getByRole('rowheader', { name: `api-token-${unique}` }).waitFor();
  });
  await step('admin-masking', async () => {
    await open('Masking');
    await page.getByLabel('E-mail addresses').check();
    await page.getByLabel('Your own patterns').fill('order-(\\d+)');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Saved.').waitFor();
    await page.reload();
    await page.getByLabel('Your own patterns').waitFor();
    check(await page.getByLabel('E-mail addresses').isChecked(), 'what is masked is not kept');
  });
  await step('admin-audit', async () => {
    await open('Audit');
    await page.getByRole('button', { name: /^key:write on/ }).first().waitFor();
    await page.getByText('Live', { exact: true }).waitFor();
  });
  await step('admin-audit-filtered', async () => {
    await page.getByLabel('Action').fill('member:*');
    await page.waitForURL(/action=member/);
    await page.getByRole('button', { name: /^key:write on/ }).first().waitFor({ state: 'detached' });
    await page.getByRole('button', { name: /^member:write on/ }).first().waitFor();
  });
  await step('admin-audit-live', async () => {
    await page.getByText('Live', { exact: true }).waitFor();
    const before = await page.getByRole('row').count();
    const second = await page.context().newPage();
    await second.goto(`${base}/t/${tenant}/admin/members`);
    await second.getByRole('button', { name: 'Invite a person' }).click();
    await second.getByLabel('E-mail').fill(`later-${unique}@acme.example`);
    await second.getByRole('button', { name: 'Make the link' }).click();
    await second.getByTestId('invitation-link').waitFor();
    await second.close();
    await page.waitForFunction((count) => document.querySelectorAll('tr').length > count, before);
  });
  await step('admin-audit-record', async () => {
    await page.getByRole('button', { name: /^member:write on/ }).first().click();
    await dialog.getByText('Previous').waitFor();
  });
  await page.keyboard.press('Escape');
  await step('admin-audit-export', async () => {
    await page.getByRole('button', { name: 'Export' }).click();
    const download = page.waitForEvent('download');
    await page.getByRole('menuitem', { name: /CSV/ }).click();
    check((await download).suggestedFilename().endsWith('-audit.csv'), 'the export has another name');
  });
  await step('admin-usage', async () => {
    await open('Usage');
    await page.getByRole('meter', { name: 'Runs at once' }).waitFor();
  });
  await step('admin-settings', async () => {
    await open('Settings');
    await page.getByLabel('Colours of its own').check();
    await page.locator('input[type=color]').nth(1).fill('#cccccc');
    await page.getByText('is the least').waitFor();
    await page.locator('input[type=color]').nth(1).fill('#222222');
    await page.getByText('is the least').waitFor({ state: 'detached' });
    await page.getByLabel('Product name (optional)').fill('Works');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.reload();
    await page.getByLabel('Product name (optional)').waitFor();
    check((await page.getByLabel('Product name (optional)').inputValue()) === 'Works', 'the settings are not kept');
  });
  await step('history', async () => {
    await page.getByRole('link', { name: 'Terminal', exact: true }).click();
    const fresh = page.getByRole('button', { name: /^(Open a terminal|New terminal)$/ });
    await fresh.first().waitFor();
    await fresh.last().click();
    await page.getByTestId('session-state').getByText('Live').first().waitFor();
    await page.locator('.term-panel:not([hidden]), .xterm').last().waitFor();
    await page.keyboard.type(`echo kept-${unique}\n`);
    const history = page.getByRole('link', { name: 'History', exact: true });
    await page.locator('.term-block').first().waitFor();
    const path = await history.getAttribute('href');
    // As it was found: later parts of the walk begin without a terminal.
    await page.getByRole('button', { name: 'More', exact: true }).click();
    await page.getByRole('menuitem', { name: 'End the session…' }).click();
    await page.getByRole('button', { name: 'End the session' }).click();
    await dialog.waitFor({ state: 'detached' });
    check(path === `/t/${tenant}/history`, `the way to the history is ${path}`);
    await history.click();
    await page.locator('.history-lines li', { hasText: `echo kept-${unique}` }).waitFor();
    await page.getByLabel('Search the history').fill('no such line anywhere');
    await page.getByText('No line has this text').waitFor();
    await page.getByLabel('Search the history').fill(`kept-${unique}`);
    await page.locator('.history-lines li', { hasText: `echo kept-${unique}` }).waitFor();
  });
  await step('sessions', async () => {
    await page.getByRole('button', { name: 'Account' }).click();
    await page.getByRole('menuitem', { name: 'Your sessions' }).click();
    await page.getByText('This one').waitFor();
  });
  await step('sessions-ended', async () => {
    const others = page.getByRole('button', { name: 'End all others' });
    if (await others.isVisible()) {
      await others.click();
      await dialog.getByRole('button', { name: 'End them' }).click();
      await closed();
    }
    await page.waitForFunction(() => document.querySelectorAll('tbody tr').length === 1);
    await page.goto(`${base}/t/${tenant}/runs`);
    await page.locator('.rail').waitFor();
  });
}

export const ADMIN_LOOKS = ['Members', 'Roles', 'API keys', 'Secrets', 'Masking', 'Audit', 'Usage', 'Settings'];
