// The Logs page: filters in the URL, how many lines there are over time, and the lines, live or around one of them.
import { useNavigate, useSearch } from '@tanstack/react-router';
import type { LogFilter } from '../api/endpoints';
import { useTenant, useTitle } from '../app/shell';
import { formatCount } from '../lib/format';
import { usePrefs, useWrapLogs } from '../state/prefs';
import { useLogs } from '../state/use-logs';
import { LiveBadge, LogView } from '../ui/log-view';
import { Filters } from './logs/filters';
import { Histogram } from './logs/histogram';
import { LogDownload } from './logs/download';

export function LogsPage() {
  const tenant = useTenant();
  const { line, ...filter } = useSearch({ from: '/t/$tenant/logs' });
  const navigate = useNavigate({ from: '/t/$tenant/logs' });
  const logs = useLogs(tenant, filter, { line });
  const wrap = useWrapLogs();
  const setWrap = usePrefs((prefs) => prefs.setWrapLogs);
  useTitle(line === undefined ? 'Logs' : `Log line ${line}`);
  const go = (search: LogFilter & { line?: string | undefined }) => {
    const given = Object.entries(search).filter(([, value]) => value !== undefined && value !== '' && (!Array.isArray(value) || value.length > 0));
    void navigate({ search: Object.fromEntries(given), replace: true });
  };
  const filtered = Object.keys(filter).length > 0;
  return (
    <div className="logs-page">
      <div className="page-head">
        <h1>Logs</h1>
        {line === undefined ? filter.to === undefined ? <LiveBadge state={logs.state} /> : <span className="badge">Up to a time</span> : <span className="badge">In context</span>}
        <span className="grow" />
        <LogDownload tenant={tenant} filter={filter} />
        <label className="check">
          <input type="checkbox" checked={wrap} onChange={(event) => setWrap(event.target.checked)} /> Wrap
        </label>
      </div>
      <Filters tenant={tenant} filter={filter} onChange={(part) => go({ ...filter, ...part, line })} onClear={filtered ? () => go({ line }) : undefined} />
      {line === undefined ? (
        <Histogram tenant={tenant} filter={filter} onRange={(from, to) => go({ ...filter, from, to })} />
      ) : (
        <div className="notice log-context" role="status">
          <p>
            {filter.run ? 'The lines of the same run' : 'All lines'} around line <strong className="num">{formatCount(Number(line))}</strong>.
          </p>
          <button type="button" className="button small" onClick={() => go(filter)}>
            Back to the live log
          </button>
        </div>
      )}
      <LogView
        key={line}
        logs={logs}
        tenant={tenant}
        showCommand={!filter.command && !filter.run}
        needle={filter.text}
        wanted={line === undefined ? undefined : Number(line)}
        emptyTitle={line !== undefined ? 'The line cannot be shown' : filtered ? 'No line matches' : 'The log is empty'}
        emptyText={filtered ? 'Lines that match appear here as they are written. Widen the filters to see more.' : 'Run a command; every line it writes appears here.'}
      />
    </div>
  );
}
