// The part of the browser walk in the terminal: the same against the mock and a host, save where a network must misbehave.

const LINES = 3_000;

/** `commands` that the host lacks leave their steps out. */
export async function terminalWalk({ page, step, failures, mock, has }) {
  const at = terminalOf(page);
  const check = (isTrue, what) => isTrue || failures.push(what);

  await step('terminal-none', async () => {
    await page.getByRole('link', { name: 'Terminal', exact: true }).click();
    await page.getByText('No terminal is open').waitFor();
  });
  await step('terminal-open', async () => {
    await page.getByRole('button', { name: 'Open a terminal' }).click();
    await at.live();
    await at.shows(/\$/);
    check(/session=/.test(page.url()), 'the session is not in the address');
  });
  await step('terminal-echo', async () => {
    await page.keyboard.type('echo hello from the terminal\n');
    await at.shows(/^hello from the terminal$/m);
    await at.ends('Exit 0');
    await page.getByRole('group', { name: /^Command 1 of 1/ }).waitFor();
  });
  if (has('sleep')) {
    await step('terminal-interrupt', async () => {
      await page.keyboard.type('sleep 60\n');
      await at.ends('Running');
      await page.keyboard.press('Control+c');
      await at.ends(/Killed|Interrupted|Exit 130/);
      await page.keyboard.type('echo after the interrupt\n');
      await at.shows(/^after the interrupt$/m);
    });
  }
  if (has('cat')) {
    await step('terminal-repl', async () => {
      await page.keyboard.type('cat\n');
      await at.ends('Running');
      await page.keyboard.type('two words\n');
      await at.shows(/two words\ntwo words/);
      await page.keyboard.press('Control+d');
      await at.ends('Exit 0');
    });
  }
  if (has('seq')) {
    await step('terminal-reload', async () => {
      // The mock rests between its lines; a host is reloaded as soon as the first ones are there.
      await page.keyboard.type(mock ? `seq ${LINES} 1\n` : `seq 100000\n`);
      await at.shows(/^\d{3,}$/m);
      await page.reload();
      await at.live();
      await at.ends('Exit 0', 60_000);
      const shown = (await at.plain()).split('\n').filter((line) => /^\d+$/.test(line)).map(Number);
      const last = mock ? LINES : 100_000;
      check(shown.at(-1) === last, `the last line after a reload is ${shown.at(-1)}`);
      check(shown.every((line, index) => index === 0 || line === shown[index - 1] + 1), 'lines are missing or doubled after a reload');
      if (mock) check(shown.length === LINES, `${shown.length} lines after a reload instead of ${LINES}`);
    });
  }
  await step('terminal-blocks', async () => {
    await page.keyboard.type('echo one\n');
    await at.shows(/^one$/m);
    await page.keyboard.type('echo two\n');
    await at.shows(/^two$/m);
    const bar = page.locator('.term-panel:not([hidden]) .term-line');
    await bar.getByText('echo two').waitFor();
    await page.keyboard.press('Control+ArrowUp');
    await bar.getByText('echo one').waitFor();
    await page.keyboard.press('Control+ArrowDown');
    await bar.getByText('echo two').waitFor();
    await page.getByRole('button', { name: 'Run echo two again' }).click();
    await at.shows(/^two$[\s\S]*^two$/m);
  });
  await step('terminal-paste', async () => {
    await at.paste('echo first\necho second\n');
    await page.getByRole('dialog').getByText('Paste 2 lines?').waitFor();
  });
  await step('terminal-pasted', async () => {
    await page.getByRole('button', { name: 'Paste 2 lines' }).click();
    await at.shows(/echo second/);
    // A shell that takes a paste as text waits for this; to another one it is an empty line.
    await page.keyboard.press('Enter');
    await at.shows(/^second$/m);
  });
  await step('terminal-search', async () => {
    await page.locator('.term-panel:not([hidden]) .xterm-helper-textarea').focus();
    await page.keyboard.press('Control+Shift+F');
    await page.getByLabel('Find in the terminal').last().fill('second');
    await page.getByText(/of \d+|over/).waitFor();
    await page.keyboard.press('Escape');
    await page.getByPlaceholder('Find in the terminal').waitFor({ state: 'detached' });
  });
  await step('terminal-tab', async () => {
    await page.locator('.term-panel:not([hidden]) .xterm-helper-textarea').focus();
    await page.keyboard.press('Tab');
    check(await at.hasFocus(), 'Tab leaves the terminal, so that completion cannot work');
    await page.keyboard.press('Escape');
    await page.keyboard.press('Tab');
    check(!(await at.hasFocus()), 'Escape and Tab do not lead out of the terminal');
  });
  await step('terminal-screen-reader', async () => {
    await page.getByRole('button', { name: 'More', exact: true }).click();
    await page.getByRole('menuitemcheckbox', { name: 'Screen-reader mode' }).click();
    await page.locator('.term-panel:not([hidden]) .xterm-accessibility').waitFor({ state: 'attached' });
    await page.getByRole('button', { name: 'More', exact: true }).click();
    await page.getByRole('menuitemcheckbox', { name: 'Screen-reader mode' }).click();
  });
  await step('terminal-plain', async () => {
    check((await at.plain()).includes('hello from the terminal') || has('seq'), 'the plain text lacks what was shown');
    await page.getByRole('button', { name: 'Plain text' }).click();
    await page.locator('.term-plain').waitFor();
  });
  await page.getByRole('button', { name: 'Plain text' }).click();
  await takeOver({ page, at, step, check });
  await step('terminal-rename', async () => {
    await page.getByRole('button', { name: 'More', exact: true }).click();
    await page.getByRole('menuitem', { name: 'Rename…' }).click();
    await page.getByLabel('Name', { exact: true }).fill('build');
    await page.getByRole('button', { name: 'Rename', exact: true }).click();
    await page.getByRole('tab', { name: 'build' }).waitFor();
  });
  await step('terminal-second', async () => {
    await page.getByRole('button', { name: 'New terminal' }).click();
    await page.getByRole('tab', { name: /Terminal/, selected: true }).waitFor();
    await at.live();
    await page.keyboard.type('echo in the second\n');
    await at.shows(/^in the second$/m);
    await page.getByRole('tab', { name: 'build' }).click();
    await at.live();
    check(!/in the second/.test(await at.text()), 'one session shows what another wrote');
  });
  if (mock) await network({ page, at, step, check, mock });
  await step('terminal-closed', async () => {
    await page.getByRole('button', { name: 'More', exact: true }).click();
    await page.getByRole('menuitem', { name: 'Close the tab, keep the session' }).click();
    await page.getByRole('button', { name: /Other sessions: 1/ }).click();
    await page.getByRole('menuitem', { name: 'build' }).click();
    await at.live();
  });
  await step('terminal-exit', async () => {
    await page.keyboard.type('exit\n');
    await page.getByText(/The session has ended/).waitFor();
  });
  await page.getByRole('button', { name: 'Close the tab' }).click();
  await step('terminal-end', async () => {
    await page.getByRole('button', { name: 'More', exact: true }).click();
    await page.getByRole('menuitem', { name: 'End the session…' }).click();
    await page.getByRole('dialog').waitFor();
  });
  await page.getByRole('button', { name: 'End the session' }).click();
  await page.getByText('No terminal is open').waitFor();
}

/** A second tab looks on first, then takes over. */
async function takeOver({ page, at, step, check }) {
  const second = await page.context().newPage();
  await second.goto(page.url());
  const there = terminalOf(second);
  await second.getByText('You are looking on').waitFor();
  await page.bringToFront();
  await step('terminal-watched', async () => {
    await at.focus();
    await page.keyboard.type('echo seen by both\n');
    await there.shows(/^seen by both$/m);
  });
  await second.bringToFront();
  await there.focus();
  await second.keyboard.type('echo not mine to type\n');
  await second.getByRole('button', { name: 'Take over' }).click();
  await there.live();
  await second.keyboard.type('echo taken over\n');
  await there.shows(/^taken over$/m);
  await page.bringToFront();
  await step('terminal-looking-on', async () => {
    await page.getByText('You are looking on').waitFor();
    await at.shows(/^taken over$/m);
    check(!/not mine to type/.test(await at.text()), 'a viewer’s keys reached the session');
  });
  await second.close();
  await page.getByRole('button', { name: 'Take over' }).click();
  await at.live();
  await at.focus();
}

/** What only a mock can do to a connection. */
async function network({ page, at, step, check, mock }) {
  const transport = () => page.locator('.term-panel:not([hidden]) .term').getAttribute('data-transport');
  await step('terminal-cut', async () => {
    for (const socket of mock.sockets) socket.terminate();
    await page.getByTestId('session-state').getByText('Reconnecting').first().waitFor();
    await at.focus();
    await page.keyboard.type('echo typed during the cut\n');
    await at.shows(/^typed during the cut$/m);
    await at.live();
  });
  await step('terminal-raw', async () => {
    await page.keyboard.type('raw\n');
    await page.getByText('raw input').waitFor();
    await page.keyboard.press('a');
    await at.shows(/^97$/m);
    await page.keyboard.press('q');
    await page.getByText('raw input').waitFor({ state: 'detached' });
  });
  await step('terminal-questions', async () => {
    // In line mode a terminal's own answers must not end up in the line.
    await page.keyboard.type('ask\n');
    await at.shows(/^asked$/m);
    await page.keyboard.type('echo clean\n');
    await at.shows(/^clean$/m);
    check(!/\[\?|rgb:/.test(await at.text()), 'the terminal’s own answers were typed into the session');
  });
  for (const [kind, block] of [
    ['sse', () => (mock.blockWebSockets = true)],
    ['poll', () => (mock.blockEvents = true)],
  ]) {
    await step(`terminal-${kind}`, async () => {
      block();
      await page.reload();
      await at.live();
      check((await transport()) === kind, `the transport is ${await transport()} instead of ${kind}`);
      check((await page.getByText('Reconnecting').count()) === 0, 'the fall-back is noticed');
      await page.keyboard.type(`echo over ${kind}\n`);
      await at.shows(new RegExp(`^over ${kind}$`, 'm'));
      await page.keyboard.type('sleep 60\n');
      await at.ends('Running');
      await page.keyboard.press('Control+c');
      await at.ends('Killed');
      await page.keyboard.type('seq 4000\n');
      await at.shows(/^4000$/m);
      await at.ends('Exit 0');
    });
  }
  mock.blockWebSockets = false;
  mock.blockEvents = false;
  await page.evaluate(() => localStorage.removeItem('cloister-console-transport'));
  await page.reload();
  await at.live();
  check((await transport()) === 'websocket', 'the WebSocket is not taken when it works again');
}

export function terminalOf(page) {
  const panel = page.locator('.term-panel:not([hidden])');
  const text = () =>
    panel.locator('.xterm-rows').evaluate((rows) => [...rows.children].map((row) => row.textContent.replaceAll('\u00a0', ' ').trimEnd()).join('\n'));
  return {
    text,
    live: () => panel.getByTestId('session-state').getByText('Live').waitFor(),
    focus: () => panel.locator('.xterm-helper-textarea').focus(),
    hasFocus: () => page.evaluate(() => document.activeElement?.closest('.xterm') !== null && document.activeElement !== document.body),
    ends: (what, timeout) => panel.locator('.term-block').getByText(what).waitFor(timeout ? { timeout } : {}),
    async shows(pattern, timeoutMs = 15_000) {
      const until = Date.now() + timeoutMs;
      for (;;) {
        const shown = await text().catch(() => '');
        if (pattern.test(shown)) return;
        if (Date.now() > until) throw new Error(`The terminal does not show ${pattern}, but:\n${shown}`);
        await new Promise((resolve) => setTimeout(resolve, 40));
      }
    },
    async plain() {
      await panel.getByRole('button', { name: 'Plain text' }).click();
      const content = await panel.locator('.term-plain').innerText();
      await panel.getByRole('button', { name: 'Plain text' }).click();
      return content;
    },
    paste: (content) =>
      panel.locator('.xterm-helper-textarea').evaluate((element, data) => {
        const transfer = new DataTransfer();
        transfer.setData('text/plain', data);
        element.dispatchEvent(new ClipboardEvent('paste', { clipboardData: transfer, bubbles: true, cancelable: true }));
      }, content),
  };
}
