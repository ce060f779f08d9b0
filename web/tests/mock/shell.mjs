// A tiny shell for the mock's sessions: a line discipline, and echo, seq, sleep, cat, raw, fail, help, exit.
import { newId } from './state.mjs';

const PROMPT = '\x1b[32m$\x1b[0m ';
const LINES_AT_ONCE = 400;

export class Shell {
  line = '';
  history = [];
  at = 0;
  /** Lines typed while a command runs that did not ask for them. */
  ahead = [];
  reading = undefined;
  running = undefined;

  constructor(session, tenant, user) {
    Object.assign(this, { session, tenant, user });
    session.print('Welcome. Try help.\r\n');
    this.prompt();
  }

  prompt() {
    this.session.mark('prompt');
    this.session.print(PROMPT);
  }

  /** Typed bytes, as a terminal's driver takes them. */
  input(text) {
    if (this.session.mode === 'raw') return this.reading?.(text);
    for (const token of text.match(/\x1b\[[0-9;]*[A-Za-z~]|\x1b\[200~|\x1b\[201~|[\s\S]/gu) ?? []) this.key(token);
  }

  key(key) {
    if (key === '\r' || key === '\n') return this.enter();
    if (key === '\x7f') return this.replace([...this.line].slice(0, -1).join(''));
    if (key === '\x15') return this.replace('');
    if (key === '\x04') return this.line === '' ? this.endOfInput() : undefined;
    if (key === '\x1b[A' || key === '\x1b[B') return this.recall(key === '\x1b[A' ? -1 : 1);
    if (key < ' ' || key.startsWith('\x1b')) return;
    this.line += key;
    this.session.print(key);
  }

  replace(line) {
    this.session.print(`\r\x1b[K${this.running ? '' : PROMPT}${line}`);
    this.line = line;
  }

  recall(by) {
    if (this.running) return;
    this.at = Math.min(this.history.length, Math.max(0, this.at + by));
    this.replace(this.history[this.at] ?? '');
  }

  endOfInput() {
    if (this.reading) return this.reading(undefined);
    this.session.print('exit\r\n');
    this.session.end('exited', 0);
  }

  enter() {
    const { line } = this;
    this.line = '';
    this.session.print('\r\n');
    if (this.running) return this.reading ? this.reading(`${line}\n`) : void this.ahead.push(line);
    this.begin(line);
  }

  begin(line) {
    if (line.trim() === '') return this.prompt();
    this.history.push(line);
    const kept = this.tenant.history.get(this.user) ?? [];
    this.tenant.history.set(this.user, [{ line, at: new Date().toISOString() }, ...kept]);
    this.at = this.history.length;
    void this.run(line);
  }

  interrupt() {
    if (this.running) return this.running.cancel();
    this.line = '';
    this.session.print('^C\r\n');
    this.prompt();
  }

  async run(line) {
    const [name, ...words] = line.trim().split(/\s+/);
    if (name === 'exit') return this.session.end('exited', Number(words[0] ?? 0));
    const { session, tenant } = this;
    const run = this.newRun(name, words);
    session.mark('command', { line, run: run.id });
    const started = Date.now();
    const cancelled = new Promise((resolve) => (this.running = { cancel: () => resolve(130) }));
    const record = { run, output: [], watchers: new Set(), cancel: () => this.running?.cancel() };
    tenant.runs.set(run.id, record);
    tenant.changed();
    const say = async (text) => {
      for (const part of text.split('\n').slice(0, -1)) tenant.log(run, 'stdout', part);
      await session.write(Buffer.from(text.replace(/\n/g, '\r\n')));
    };
    let isCancelled = false;
    void cancelled.then(() => (isCancelled = true));
    const program = commands[name] ?? commands.unknown;
    const code = await Promise.race([program({ say, words, name, run, shell: this, cancelled, isCancelled: () => isCancelled }), cancelled]);
    if (code === 130) session.print('^C\r\n');
    this.running = undefined;
    this.reading = undefined;
    if (session.mode === 'raw') session.setMode('line');
    const outcome = code === 130 ? 'cancelled' : 'exited';
    Object.assign(run, { status: 'ended', ended_at: new Date().toISOString(), outcome: { kind: outcome, exit_code: code ?? 0 } });
    run.usage.wall_us = (Date.now() - started) * 1000;
    tenant.changed();
    session.mark('end', { run: run.id, exit_code: code ?? 0, outcome, duration_ms: Date.now() - started });
    if (session.over) return;
    this.prompt();
    const next = this.ahead.shift();
    if (next !== undefined) {
      session.print(`${next}\r\n`);
      this.begin(next);
    }
  }

  newRun(name, args) {
    return {
      id: newId('run'),
      command: name,
      version: 1,
      module: '0'.repeat(64),
      args,
      status: 'running',
      usage: { cpu_us: 0, wall_us: 0, peak_memory_bytes: 0, stdin_bytes: 0, stdout_bytes: 0, stderr_bytes: 0 },
      created_at: new Date().toISOString(),
      created_by: this.user.email,
    };
  }

  next() {
    if (this.ahead.length > 0) return Promise.resolve(`${this.ahead.shift()}\n`);
    return new Promise((resolve) => (this.reading = resolve));
  }
}

const commands = {
  async echo({ say, words }) {
    await say(`${words.join(' ')}\n`);
    return 0;
  },
  async seq({ say, words, isCancelled }) {
    const last = Number(words[0] ?? 10);
    const restMs = Number(words[1] ?? 0);
    for (let n = 1; n <= last && !isCancelled(); n += LINES_AT_ONCE) {
      const lines = Array.from({ length: Math.min(LINES_AT_ONCE, last - n + 1) }, (_, i) => n + i);
      if (restMs === 0) await say(`${lines.join('\n')}\n`);
      else for (const one of lines) if (!isCancelled()) await say(`${one}\n`), await new Promise((resolve) => setTimeout(resolve, restMs));
      await new Promise((resolve) => setImmediate(resolve));
    }
    return 0;
  },
  async sleep({ words }) {
    await new Promise((resolve) => setTimeout(resolve, Number(words[0] ?? 1) * 1000));
    return 0;
  },
  async cat({ say, shell }) {
    for (let line = await shell.next(); line !== undefined; line = await shell.next()) await say(line);
    return 0;
  },
  /** Shows the codes of the keys until q. */
  async raw({ say, shell }) {
    shell.session.setMode('raw');
    for (let keys = await shell.next(); keys !== 'q'; keys = await shell.next()) await say(`${[...Buffer.from(keys)].join(' ')}\n`);
    return 0;
  },
  async ask({ shell }) {
    // Questions that a terminal answers by itself.
    await shell.session.write(Buffer.from('\x1b[c\x1b[6n\x1b]11;?\x07asked\r\n'));
    return 0;
  },
  async fail({ say }) {
    await say('something is not right\n');
    return 3;
  },
  async help({ say }) {
    await say('Commands: echo, seq, sleep, cat, raw, ask, fail, help, exit.\n');
    return 0;
  },
  async unknown({ say, name }) {
    await say(`There is no command “${name}”.\n`);
    return 127;
  },
};
