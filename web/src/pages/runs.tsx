// The Runs page: every run of the tenant, newest first, by pages.
import { useInfiniteQuery, useMutation, useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { killRun, listRuns } from '../api/endpoints';
import type { Run } from '../api/types';
import { useMay } from '../app/rights';
import { useTenant, useTitle } from '../app/shell';
import { formatAgo, formatBytes, formatMicros, formatTime, shortRun } from '../lib/format';
import { joinWords } from '../lib/shell-words';
import { useNow } from '../lib/use-now';
import { CrossIcon, RunsIcon, StopIcon } from '../ui/icons';
import { Empty, ProblemNotice, RunBadge, Waiting } from '../ui/parts';
import { ActiveNow } from './active-now';

const STATUSES = ['queued', 'running', 'ended'];
const PAGE = 50;
/** While something runs the list is asked again this often. */
const BUSY_MS = 2_500;

export function RunsPage() {
  const tenant = useTenant();
  const { status, command } = useSearch({ from: '/t/$tenant/runs' });
  const navigate = useNavigate({ from: '/t/$tenant/runs' });
  const may = useMay();
  useTitle('Runs');
  const runs = useInfiniteQuery({
    queryKey: ['runs', tenant, 'list', status ?? '', command ?? ''],
    queryFn: ({ pageParam }) => listRuns(tenant, { status, command, limit: PAGE }, pageParam),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.cursor,
    refetchInterval: ({ state }) => (state.data?.pages.some((page) => page.items.some((run) => run.status !== 'ended')) ? BUSY_MS : false),
  });
  const list = runs.data?.pages.flatMap((page) => page.items) ?? [];
  const filtered = status !== undefined || command !== undefined;
  const setFilter = (next: { status?: string | undefined; command?: string | undefined }) => {
    const search: { status?: string; command?: string } = {};
    if (next.status) search.status = next.status;
    if (next.command) search.command = next.command;
    void navigate({ search, replace: true });
  };
  return (
    <>
      <div className="page-head">
        <h1>Runs</h1>
        <span className="grow" />
        {command && (
          <button type="button" className="chip" onClick={() => setFilter({ status })} aria-label={`Command ${command}. Remove this filter`}>
            <code>{command}</code> <CrossIcon size={14} />
          </button>
        )}
        <select className="input small auto" aria-label="Status" value={status ?? ''} onChange={(event) => setFilter({ command, status: event.target.value })}>
          <option value="">Status</option>
          {STATUSES.map((name) => (
            <option key={name} value={name}>
              {name[0]!.toUpperCase() + name.slice(1)}
            </option>
          ))}
        </select>
      </div>
      {may('console:use') && may('usage:read') && <ActiveNow tenant={tenant} />}
      {runs.isPending && <Waiting />}
      {runs.isError && <ProblemNotice error={runs.error} />}
      {runs.isSuccess && list.length === 0 && (
        <div className="card">
          <Empty
            icon={<RunsIcon size={26} />}
            title={filtered ? 'No run matches' : 'Nothing has run yet'}
            actions={
              filtered ? (
                <button type="button" className="button" onClick={() => setFilter({})}>
                  Clear the filters
                </button>
              ) : (
                <Link to="/t/$tenant/commands" params={{ tenant }} search={{}} className="button primary">
                  Run a command
                </Link>
              )
            }
          >
            {filtered ? 'Widen the filters to see other runs.' : 'Each run of a command appears here with its outcome and what it used.'}
          </Empty>
        </div>
      )}
      {list.length > 0 && <RunTable tenant={tenant} list={list} />}
      {runs.hasNextPage && (
        <div className="more">
          <button type="button" className="button" disabled={runs.isFetchingNextPage} onClick={() => void runs.fetchNextPage()}>
            {runs.isFetchingNextPage ? 'Loading…' : 'Older runs'}
          </button>
        </div>
      )}
    </>
  );
}

function RunTable({ tenant, list }: { tenant: string; list: Run[] }) {
  const now = useNow(15_000);
  const queries = useQueryClient();
  const canKill = useMay()('run:control');
  const kill = useMutation({
    mutationFn: (id: string) => killRun(tenant, id),
    onSettled: () => queries.invalidateQueries({ queryKey: ['runs', tenant] }),
  });
  return (
    <>
      {kill.error && <ProblemNotice error={kill.error} />}
      <div className="card table-card">
        <table className="table runs-table">
          <thead>
            <tr>
              <th scope="col">Run</th>
              <th scope="col">Outcome</th>
              <th scope="col" className="right">
                Wall
              </th>
              <th scope="col" className="right wide-only">
                CPU
              </th>
              <th scope="col" className="right wide-only">
                Memory
              </th>
              <th scope="col">Started</th>
              <th scope="col">
                <span className="visually-hidden">Actions</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {list.map((run) => (
              <tr key={run.id}>
                <th scope="row" data-label="Run">
                  <Link to="/t/$tenant/commands" params={{ tenant }} search={{ command: run.command, run: run.id }} className="run-link" title={run.id} aria-label={`${run.command} ${joinWords(run.args)}, run ${shortRun(run.id)}`}>
                    <span className="mono">{run.command}</span> <span className="mono faint">{joinWords(run.args)}</span>
                  </Link>
                </th>
                <td data-label="Outcome">
                  <RunBadge status={run.status} outcome={run.outcome} />
                </td>
                <td data-label="Wall" className="right num">
                  {run.status === 'ended' ? formatMicros(run.usage.wall_us) : '–'}
                </td>
                <td className="right num wide-only">{run.status === 'ended' ? formatMicros(run.usage.cpu_us) : '–'}</td>
                <td className="right num wide-only">{run.status === 'ended' ? formatBytes(run.usage.peak_memory_bytes) : '–'}</td>
                <td data-label="Started" className="muted">
                  <time dateTime={run.created_at} title={formatTime(run.created_at)}>
                    {formatAgo(run.created_at, now)}
                  </time>
                </td>
                <td className="right actions">
                  {run.status !== 'ended' && canKill && (
                    <button type="button" className="button small danger" disabled={kill.isPending && kill.variables === run.id} onClick={() => kill.mutate(run.id)}>
                      <StopIcon size={14} /> Kill
                    </button>
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}
