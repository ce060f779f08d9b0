// The Logs page: filters in the URL, lines that follow live.
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import { listDeployments, type LogFilter } from '../api/endpoints';
import { useTenant, useTitle } from '../app/shell';
import { usePrefs, useWrapLogs } from '../state/prefs';
import { useLogs } from '../state/use-logs';
import { CrossIcon, SearchIcon } from '../ui/icons';
import { LiveBadge, LogView } from '../ui/log-view';
import { shortRun } from '../lib/format';

/** Typing filters after this rest, so that each letter is not a search. */
const TYPING_MS = 300;

export function LogsPage() {
  const tenant = useTenant();
  const filter = useSearch({ from: '/t/$tenant/logs' });
  const navigate = useNavigate({ from: '/t/$tenant/logs' });
  const logs = useLogs(tenant, filter);
  const wrap = useWrapLogs();
  const setWrap = usePrefs((prefs) => prefs.setWrapLogs);
  useTitle('Logs');
  const change = (part: LogFilter) => {
    const next: Record<string, string> = {};
    for (const [name, value] of Object.entries({ ...filter, ...part })) if (value) next[name] = value;
    void navigate({ search: next, replace: true });
  };
  const filtered = Object.keys(filter).length > 0;
  return (
    <div className="logs-page">
      <div className="page-head">
        <h1>Logs</h1>
        <LiveBadge state={logs.state} />
        <span className="grow" />
        <label className="check">
          <input type="checkbox" checked={wrap} onChange={(event) => setWrap(event.target.checked)} /> Wrap
        </label>
      </div>
      <Filters tenant={tenant} filter={filter} onChange={change} onClear={filtered ? () => void navigate({ search: {}, replace: true }) : undefined} />
      <LogView
        logs={logs}
        tenant={tenant}
        showCommand={!filter.command && !filter.run}
        needle={filter.text}
        emptyTitle={filtered ? 'No line matches' : 'The log is empty'}
        emptyText={filtered ? 'Lines that match appear here as they are written. Widen the filters to see more.' : 'Run a command; every line it writes appears here.'}
      />
    </div>
  );
}

interface FiltersProps {
  tenant: string;
  filter: LogFilter;
  onChange: (part: LogFilter) => void;
  onClear: (() => void) | undefined;
}

function Filters({ tenant, filter, onChange, onClear }: FiltersProps) {
  const deployments = useQuery({ queryKey: ['deployments', tenant], queryFn: () => listDeployments(tenant) });
  const names = (deployments.data?.items ?? []).map(({ name }) => name);
  // A command that is gone still has lines, and its filter must not vanish from the list.
  if (filter.command && !names.includes(filter.command)) names.unshift(filter.command);
  return (
    <search className="filters" aria-label="Filter the log">
      <TextFilter value={filter.text ?? ''} onChange={(text) => onChange({ text })} />
      <select className="input small" aria-label="Command" value={filter.command ?? ''} onChange={(event) => onChange({ command: event.target.value })}>
        <option value="">Command</option>
        {names.map((name) => (
          <option key={name}>{name}</option>
        ))}
      </select>
      <select className="input small" aria-label="Stream" value={filter.stream ?? ''} onChange={(event) => onChange({ stream: event.target.value })}>
        <option value="">Stream</option>
        <option value="stdout">Output</option>
        <option value="stderr">Errors</option>
        <option value="system">System</option>
      </select>
      <select className="input small" aria-label="Level" value={filter.level ?? ''} onChange={(event) => onChange({ level: event.target.value })}>
        <option value="">Level</option>
        {['trace', 'debug', 'info', 'warn', 'error'].map((level) => (
          <option key={level}>{level}</option>
        ))}
      </select>
      {filter.run && (
        <button type="button" className="chip" onClick={() => onChange({ run: undefined })} aria-label={`Run ${filter.run}. Remove this filter`}>
          run <code>{shortRun(filter.run)}</code> <CrossIcon size={14} />
        </button>
      )}
      {onClear && (
        <button type="button" className="button small quiet" onClick={onClear}>
          Clear
        </button>
      )}
    </search>
  );
}

function TextFilter({ value, onChange }: { value: string; onChange: (text: string) => void }) {
  const [typed, setTyped] = useState(value);
  // The URL may change from outside, by the back button or "clear".
  useEffect(() => setTyped(value), [value]);
  useEffect(() => {
    if (typed === value) return;
    const timer = setTimeout(() => onChange(typed), TYPING_MS);
    return () => clearTimeout(timer);
    // The callback is new at each render; only what was typed starts the wait.
  }, [typed]);
  return (
    <div className="search grow">
      <SearchIcon size={16} />
      <input className="input small" type="search" placeholder="Text in the line" aria-label="Text in the line" value={typed} onChange={(event) => setTyped(event.target.value)} />
    </div>
  );
}
