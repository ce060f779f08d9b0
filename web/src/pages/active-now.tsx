// What goes on at this moment: runs with a way to kill them, and open sessions; and whether that is still true.
import { useMutation } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { killRun } from '../api/endpoints';
import type { Run } from '../api/types';
import { useMay } from '../app/rights';
import { formatAgo, formatTime, shortRun } from '../lib/format';
import { joinWords } from '../lib/shell-words';
import { useNow } from '../lib/use-now';
import { useSystem, type SystemView } from '../state/console';
import { StopIcon, TerminalIcon } from '../ui/icons';
import { ProblemNotice } from '../ui/parts';

export function ActiveNow({ tenant }: { tenant: string }) {
  const system = useSystem(tenant);
  const now = useNow(5_000);
  const canKill = useMay()('run:control');
  const kill = useMutation({ mutationFn: (id: string) => killRun(tenant, id) });
  const { runs = [], sessions = [] } = system;
  if (system.heardAtMs === undefined) {
    return system.connection.phase === 'ended' && system.connection.problem ? <ProblemNotice error={system.connection.problem} action={<RetryButton onClick={system.retry} />} /> : null;
  }
  return (
    <section className="card active-now" aria-label="Active now">
      <div className="row">
        <h2>Active now</h2>
        <Freshness system={system} />
        <span className="grow" />
        <Usage system={system} />
      </div>
      {system.stale && system.connection.problem && <ProblemNotice error={system.connection.problem} action={<RetryButton onClick={system.retry} />} />}
      {kill.error && <ProblemNotice error={kill.error} />}
      {runs.length === 0 && <p className="muted">Nothing is running.</p>}
      {runs.length > 0 && (
        <ul className="active-list" aria-label="Active runs">
          {runs.map((run) => (
            <ActiveRun key={run.id} tenant={tenant} run={run} now={now} isBusy={kill.isPending && kill.variables === run.id} onKill={canKill ? () => kill.mutate(run.id) : undefined} />
          ))}
        </ul>
      )}
      {sessions.length > 0 && (
        <ul className="active-sessions" aria-label="Open sessions">
          {sessions.map((session) => (
            <li key={session.id}>
              <Link to="/t/$tenant/terminal" params={{ tenant }} search={{ session: session.id }} className="chip">
                <TerminalIcon size={14} /> {session.name}
                <span className="muted">{session.attached > 0 ? `${session.attached} attached` : 'nobody attached'}</span>
              </Link>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

function ActiveRun({ tenant, run, now, isBusy, onKill }: { tenant: string; run: Run; now: number; isBusy: boolean; onKill: (() => void) | undefined }) {
  return (
    <li>
      <span className={`badge ${run.status === 'running' ? 'busy' : ''}`}>{run.status === 'running' ? 'Running' : 'Queued'}</span>
      <Link to="/t/$tenant/commands" params={{ tenant }} search={{ command: run.command, run: run.id }} className="run-link mono truncate grow" aria-label={`${run.command} ${joinWords(run.args)}, run ${shortRun(run.id)}`}>
        {run.command} <span className="faint">{joinWords(run.args)}</span>
      </Link>
      <time className="muted" dateTime={run.created_at} title={formatTime(run.created_at)}>
        {formatAgo(run.created_at, now)}
      </time>
      {onKill && (
        <button type="button" className="button small danger" disabled={isBusy} aria-label={`Kill ${run.command}, run ${shortRun(run.id)}`} onClick={onKill}>
          <StopIcon size={14} /> Kill
        </button>
      )}
    </li>
  );
}

function Freshness({ system }: { system: SystemView }) {
  if (!system.stale) {
    return (
      <span className="badge ok" role="status">
        Live
      </span>
    );
  }
  return (
    <span className="badge warn" role="status" title={system.heardAtMs === undefined ? undefined : `As of ${formatTime(new Date(system.heardAtMs).toISOString())}`}>
      Stale
    </span>
  );
}

/** How much of what may run at once does. */
function Usage({ system }: { system: SystemView }) {
  const bound = system.usage?.items?.find(({ name }) => name === 'concurrent_runs');
  if (!bound) return null;
  return (
    <span className={`num ${bound.state === 'reached' ? '' : 'muted'}`}>
      {bound.used} {bound.limit === undefined ? '' : `of ${bound.limit} `}at once
    </span>
  );
}

function RetryButton({ onClick }: { onClick: () => void }) {
  return (
    <button type="button" className="button small" onClick={onClick}>
      Connect again
    </button>
  );
}
