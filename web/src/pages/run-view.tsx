// One run: live output, how it ended, what it used, a way to kill it, and its log.
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { lazy, Suspense, useCallback, useRef, useState } from 'react';
import { getRun, killRun } from '../api/endpoints';
import type { ApiProblem } from '../api/problem';
import type { Run } from '../api/types';
import { useMay } from '../app/rights';
import { asSentence, formatBytes, formatCount, formatMicros, formatTime, shortRun } from '../lib/format';
import { joinWords } from '../lib/shell-words';
import { useNow } from '../lib/use-now';
import { consoleOf, useConsoleState } from '../state/console';
import { usePrefs } from '../state/prefs';
import { followRun } from '../state/run-output';
import { useLogs } from '../state/use-logs';
import type { FollowState } from '../stream/follow';
import { AgainIcon, StopIcon, TextIcon } from '../ui/icons';
import { LiveBadge, LogView } from '../ui/log-view';
import { CopyButton, ProblemNotice, RunBadge, Waiting } from '../ui/parts';
import type { TerminalSink } from '../ui/terminal';
import { RunInput } from './run-input';

const OutputTerminal = lazy(() => import('../ui/terminal'));

/** Only a fall-back: the output stream's last event brings the end sooner. */
const POLL_MS = 4_000;

const ESCAPE = 0x1b;

/** Errors in a colour of their own, unless the guest colours them itself. The log below says it in words. */
function asError(bytes: Uint8Array): Uint8Array {
  if (bytes.includes(ESCAPE)) return bytes;
  const [before, after] = [new TextEncoder().encode('\x1b[91m'), new TextEncoder().encode('\x1b[39m')];
  const out = new Uint8Array(before.length + bytes.length + after.length);
  out.set(before);
  out.set(bytes, before.length);
  out.set(after, before.length + bytes.length);
  return out;
}

interface RunViewProps {
  tenant: string;
  id: string;
  /** Takes the arguments over into the form; absent when the command is gone. */
  onReuse: ((args: string[]) => void) | undefined;
}

export function RunView({ tenant, id, onReuse }: RunViewProps) {
  const queries = useQueryClient();
  const may = useMay();
  const canControl = may('run:control');
  const run = useQuery({
    queryKey: ['run', tenant, id],
    queryFn: () => getRun(tenant, id),
    refetchInterval: ({ state }) => (state.data && state.data.status !== 'ended' ? POLL_MS : false),
  });
  const [stream, setStream] = useState<{ state: FollowState; problem?: ApiProblem | undefined }>({ state: 'connecting' });
  const [gap, setGap] = useState(false);
  const read = useRef<() => string>(() => '');
  const setReader = useCallback((reader: () => string) => (read.current = reader), []);
  const plain = usePrefs((prefs) => prefs.plainOutput);
  const setPlain = usePrefs((prefs) => prefs.setPlainOutput);

  const source = useCallback(
    (sink: TerminalSink, signal: AbortSignal) => {
      setGap(false);
      followRun(
        consoleOf(tenant),
        tenant,
        id,
        {
          write: (stream, bytes) => sink.write(stream === 'stderr' ? asError(bytes) : bytes),
          gap: () => setGap(true),
          reset: () => sink.reset(),
          ended: (ended) => {
            queries.setQueryData(['run', tenant, id], ended);
            void queries.invalidateQueries({ queryKey: ['runs', tenant] });
          },
          state: (state, problem) => setStream({ state, problem }),
        },
        signal,
      );
    },
    [tenant, id, queries],
  );

  if (run.isError && !run.data) return <ProblemNotice error={run.error} />;
  const data = run.data;
  return (
    <section className="card run" aria-label="Run">
      <header className="run-head">
        <RunHeadline run={data} id={id} />
        <span className="grow" />
        {stream.state === 'waiting' && <LiveBadge state="waiting" />}
        {data && data.status !== 'ended' && canControl && <KillButton tenant={tenant} id={id} />}
        {data && onReuse && data.status === 'ended' && (
          <button type="button" className="button small quiet" onClick={() => onReuse(data.args)}>
            <AgainIcon size={16} /> <span className="wide-text">Run again…</span>
          </button>
        )}
        <button type="button" className="button small icon quiet" aria-pressed={plain} aria-label="Plain text" title="Plain text" onClick={() => setPlain(!plain)}>
          <TextIcon size={16} />
        </button>
        <CopyButton text={() => read.current()} label="Copy the output" />
      </header>
      {gap && <p className="notice warn run-note">The beginning of the output is no longer kept; what is left follows.</p>}
      {stream.state === 'failed' && stream.problem && (
        <div className="run-note">
          <ProblemNotice error={stream.problem} action={<ConnectAgain tenant={tenant} />} />
        </div>
      )}
      <Suspense fallback={<div className="screen-wait">Opening the terminal…</div>}>
        <OutputTerminal source={source} label={`Output of run ${id}`} plain={plain} onReader={setReader} />
      </Suspense>
      {data && data.status !== 'ended' && canControl && <RunInput tenant={tenant} id={id} />}
      {data && <RunFoot run={data} />}
      {data ? may('log:read') && <RunLog tenant={tenant} run={data} /> : <Waiting />}
    </section>
  );
}

function ConnectAgain({ tenant }: { tenant: string }) {
  const connection = consoleOf(tenant);
  if (useConsoleState(connection).phase !== 'ended') return null;
  return (
    <button type="button" className="button small" onClick={() => connection.retry()}>
      Connect again
    </button>
  );
}

function RunHeadline({ run, id }: { run: Run | undefined; id: string }) {
  return (
    <>
      <h2 className="run-title">
        <span className="visually-hidden">Run </span>
        {run ? (
          <span className="mono truncate" title={`${run.command} ${joinWords(run.args)}`}>
            <span className="run-prompt" aria-hidden="true">
              ${' '}
            </span>
            {run.command} {joinWords(run.args)}
          </span>
        ) : (
          <span className="mono">{shortRun(id)}</span>
        )}
      </h2>
      <span role="status" aria-live="polite" data-testid="run-status">
        {run && <RunBadge status={run.status} outcome={run.outcome} />}
      </span>
      {run && run.status !== 'ended' && <Elapsed since={run.created_at} />}
    </>
  );
}

function Elapsed({ since }: { since: string }) {
  const now = useNow(200);
  const ms = Math.max(0, now - Date.parse(since));
  return (
    <span className="elapsed faint num" aria-hidden="true">
      {(ms / 1000).toFixed(1)} s
    </span>
  );
}

function KillButton({ tenant, id }: { tenant: string; id: string }) {
  const queries = useQueryClient();
  const kill = useMutation({
    mutationFn: () => killRun(tenant, id),
    onSettled: () => queries.invalidateQueries({ queryKey: ['run', tenant, id] }),
  });
  return (
    <button type="button" className="button small danger" disabled={kill.isPending} onClick={() => kill.mutate()}>
      <StopIcon size={14} />
      {kill.isPending ? 'Killing…' : 'Kill'}
    </button>
  );
}

function RunFoot({ run }: { run: Run }) {
  const { usage } = run;
  const facts: [string, string][] =
    run.status === 'ended'
      ? [
          ['Wall', formatMicros(usage.wall_us)],
          ['CPU', formatMicros(usage.cpu_us)],
          ['Peak memory', formatBytes(usage.peak_memory_bytes)],
          ['Out', formatBytes(usage.stdout_bytes)],
          ['Err', formatBytes(usage.stderr_bytes)],
        ]
      : [];
  if (run.status === 'ended' && usage.stdin_bytes > 0) facts.push(['In', formatBytes(usage.stdin_bytes)]);
  if (run.status === 'ended' && usage.fuel !== undefined) facts.push(['Fuel', formatCount(usage.fuel)]);
  return (
    <>
      {run.outcome?.message && (
        <p className={`run-message ${run.outcome.kind === 'cancelled' ? '' : 'bad'}`}>
          {asSentence(run.outcome.message)} <span className="muted">Exit code {run.outcome.exit_code}.</span>
        </p>
      )}
      <dl className="usage">
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd className="num">{value}</dd>
          </div>
        ))}
        <div>
          <dt>Started</dt>
          <dd className="num">{formatTime(run.created_at)}</dd>
        </div>
        <div>
          <dt>Run</dt>
          <dd className="row nowrap">
            <code title={run.id}>{shortRun(run.id)}</code>
            <CopyButton text={run.id} label="Copy the run’s id" />
          </dd>
        </div>
      </dl>
    </>
  );
}

function RunLog({ tenant, run }: { tenant: string; run: Run }) {
  const logs = useLogs(tenant, { run: run.id }, { over: run.status === 'ended' });
  return (
    <div className="run-log">
      <div className="row spread">
        <h3>Log</h3>
        <Link to="/t/$tenant/logs" params={{ tenant }} search={{ run: run.id }} className="small-link">
          Open in Logs
        </Link>
      </div>
      <LogView
        logs={logs}
        tenant={tenant}
        showCommand={false}
        emptyTitle={run.status === 'ended' ? 'It wrote no lines' : 'Nothing written yet'}
        emptyText={run.status === 'ended' ? 'The command ended without writing to its standard output or error.' : 'Lines appear here as the command writes them.'}
      />
    </div>
  );
}
