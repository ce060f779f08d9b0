// Pretends to run commands: the name of a deployment decides what it does.
import { Refusal } from './http.mjs';
import { newId } from './state.mjs';

const script = {
  /** Until it is killed. */
  async *slow() {
    for (let i = 1; ; i++) {
      yield ['stdout', `INFO tick ${i}\n`, 400];
    }
  },
  async *noisy(run) {
    const count = Number(run.args[0] ?? 5000);
    const batch = Number(run.args[1] ?? 50);
    for (let i = 0; i < count; i += batch) {
      const lines = Array.from({ length: Math.min(batch, count - i) }, (_, n) => `${['INFO', 'DEBUG', 'WARN', 'INFO', 'ERROR'][(i + n) % 5]} line ${i + n} of a command that has much to say\n`);
      yield ['stdout', lines.join(''), 5];
    }
  },
  async *fail(run) {
    yield ['stdout', 'INFO reading the input\n', 60];
    yield ['stderr', 'ERROR the input has no header row\nhint: pass --no-header\n', 30];
    return { kind: 'exited', exit_code: 2 };
  },
  async *trap() {
    yield ['stdout', 'about to divide\n', 60];
    return { kind: 'trapped', exit_code: 134, message: 'The command trapped: integer divide by zero.' };
  },
  /** Says again what it is told, until its input ends. */
  async *echo(run, input) {
    for (;;) {
      const line = await input.line();
      if (line === undefined) return;
      yield ['stdout', `heard ${line}\n`, 1];
    }
  },
  async *default(run, input) {
    yield ['stdout', `\x1b[1mHello\x1b[0m, \x1b[32m${run.args.join(' ') || 'world'}\x1b[0m!\n`, 40];
    for (const [name, value] of Object.entries(input.env)) yield ['stdout', `${name}=${value}\n`, 5];
    if (input.stdin) yield ['stdout', `read: ${input.stdin}\n`, 20];
    yield ['stderr', 'WARN no configuration found, using defaults\n', 20];
    yield ['stdout', 'INFO done\n', 20];
  },
};

export function startRun(tenant, deployment, body, user) {
  const run = {
    id: newId('run'),
    command: deployment.name,
    version: deployment.version,
    module: deployment.active.module,
    args: body.args ?? [],
    status: 'queued',
    usage: { cpu_us: 0, wall_us: 0, peak_memory_bytes: 0, stdin_bytes: 0, stdout_bytes: 0, stderr_bytes: 0 },
    created_at: new Date().toISOString(),
    created_by: user.email,
  };
  const record = { run, output: [], watchers: new Set(), cancel: undefined, pipe: body.stdin === 'stream' ? new Pipe() : undefined };
  tenant.runs.set(run.id, record);
  const stdin = body.stdin && typeof body.stdin === 'object' ? (body.stdin.text ?? Buffer.from(body.stdin.base64 ?? '', 'base64').toString()) : '';
  run.usage.stdin_bytes = Buffer.byteLength(stdin);
  void drive(tenant, record, { env: { ...deployment.active.grants.env, ...body.env }, stdin, line: () => record.pipe?.line() });
  return run;
}

async function drive(tenant, record, input) {
  const { run } = record;
  const started = process.hrtime.bigint();
  const cancelled = new Promise((resolve) => (record.cancel = resolve));
  const kind = Object.keys(script).find((name) => run.command.includes(name)) ?? 'default';
  const steps = script[kind](run, input);
  run.status = 'running';
  tenant.changed();
  let outcome;
  while (!outcome) {
    const next = await Promise.race([steps.next(), cancelled]);
    if (next === undefined) {
      outcome = { kind: 'cancelled', exit_code: 130, message: 'The run was killed.' };
    } else if (next.done) {
      outcome = next.value ?? { kind: 'exited', exit_code: 0 };
    } else {
      const [stream, text, restMs] = next.value;
      emit(tenant, record, stream, text);
      await Promise.race([new Promise((resolve) => setTimeout(resolve, restMs)), cancelled]);
    }
  }
  run.status = 'ended';
  run.outcome = outcome;
  run.ended_at = new Date().toISOString();
  run.usage.wall_us = Number((process.hrtime.bigint() - started) / 1000n);
  run.usage.cpu_us = Math.round(run.usage.wall_us / 40) + 410;
  run.usage.peak_memory_bytes = 1_179_648;
  tenant.changed();
  if (outcome.message) tenant.log(run, 'system', outcome.message);
  for (const watcher of record.watchers) watcher();
}

function emit(tenant, record, stream, text) {
  const bytes = Buffer.from(text);
  record.run.usage[`${stream}_bytes`] += bytes.length;
  record.output.push({ stream, data: bytes.toString('base64') });
  for (const line of text.replace(/\n$/, '').split('\n')) tenant.log(record.run, stream, line);
  for (const watcher of record.watchers) watcher();
}

/** The host's end of a streamed input: bytes in order, each once. */
class Pipe {
  bytes = Buffer.alloc(0);
  closed = false;
  read = 0;
  wake = () => undefined;

  async line() {
    for (;;) {
      const end = this.bytes.indexOf(10, this.read);
      if (end >= 0) {
        const line = this.bytes.subarray(this.read, end).toString();
        this.read = end + 1;
        return line;
      }
      if (this.closed) return undefined;
      await new Promise((resolve) => (this.wake = resolve));
    }
  }
}

export function feedRun(tenant, id, offset, eof, body) {
  const record = tenant.runs.get(id);
  if (!record) throw new Refusal(404, 'run_not_found', 'There is no such run.');
  if (record.run.status === 'ended') throw new Refusal(409, 'run_already_ended', 'The run has already ended.');
  const { pipe } = record;
  if (!pipe) throw new Refusal(409, 'stdin_not_streamed', 'The run takes no more input.');
  if (offset > pipe.bytes.length) throw new Refusal(409, 'stdin_gap', 'Bytes of standard input are missing in between.');
  if (!pipe.closed) pipe.bytes = Buffer.concat([pipe.bytes, body.subarray(Math.min(body.length, pipe.bytes.length - offset))]);
  pipe.closed ||= eof;
  pipe.wake();
  return { next_offset: pipe.bytes.length, closed: pipe.closed };
}

export function killRun(tenant, id) {
  const record = tenant.runs.get(id);
  if (!record) throw new Refusal(404, 'run_not_found', 'There is no such run.');
  if (record.run.status === 'ended') throw new Refusal(409, 'run_already_ended', 'The run has already ended.');
  record.cancel();
  return record.run;
}
