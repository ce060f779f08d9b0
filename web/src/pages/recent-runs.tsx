// The last runs of one command, to go back to.
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { listRuns } from '../api/endpoints';
import { formatAgo, formatMicros, formatTime } from '../lib/format';
import { joinWords } from '../lib/shell-words';
import { useNow } from '../lib/use-now';
import { RunBadge } from '../ui/parts';

const SHOWN = 6;
/** More than are shown: the command line also walks through them. */
const KEPT = 30;

export const recentRuns = (tenant: string, command: string) => ({
  queryKey: ['runs', tenant, 'recent', command],
  queryFn: () => listRuns(tenant, { command, limit: KEPT }),
});

export function RecentRuns({ tenant, command, current }: { tenant: string; command: string; current: string | undefined }) {
  const now = useNow(15_000);
  const runs = useQuery(recentRuns(tenant, command));
  const list = (runs.data?.items ?? []).slice(0, SHOWN);
  if (list.length === 0) return null;
  return (
    <section className="recent" aria-label="Recent runs">
      <div className="row spread">
        <h3>Recent runs</h3>
        <Link to="/t/$tenant/runs" params={{ tenant }} search={{ command }} className="small-link">
          All runs
        </Link>
      </div>
      <ul className="card recent-list">
        {list.map((run) => (
          <li key={run.id}>
            <Link to="/t/$tenant/commands" params={{ tenant }} search={{ command, run: run.id }} aria-current={run.id === current ? 'true' : undefined}>
              <RunBadge status={run.status} outcome={run.outcome} />
              <span className="mono truncate grow">{joinWords(run.args) || <span className="faint">no arguments</span>}</span>
              <span className="faint num">{run.status === 'ended' ? formatMicros(run.usage.wall_us) : ''}</span>
              <time className="faint" dateTime={run.created_at} title={formatTime(run.created_at)}>
                {formatAgo(run.created_at, now)}
              </time>
            </Link>
          </li>
        ))}
      </ul>
    </section>
  );
}
