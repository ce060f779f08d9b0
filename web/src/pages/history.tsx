// What one has typed in this tenant's terminals, newest first: searched on the host, copied, forgotten.
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import { clearHistory, listHistory } from '../api/admin';
import type { HistoryEntry } from '../api/admin-types';
import { useTenant, useTitle } from '../app/shell';
import { formatClock, formatTime } from '../lib/format';
import '../styles/admin.css';
import { PagedList, usePages } from '../ui/data-table';
import { HistoryIcon } from '../ui/icons';
import { ConfirmDialog, CopyButton, Empty } from '../ui/parts';
import { useChange } from './admin/use-change';

/** Typing is over when nothing was typed for so long. */
const SETTLE_MS = 250;

export default function HistoryPage() {
  const tenant = useTenant();
  const { text = '' } = useSearch({ from: '/t/$tenant/history' });
  const navigate = useNavigate({ from: '/t/$tenant/history' });
  const [typed, setTyped] = useState(text);
  const [clearing, setClearing] = useState(false);
  useTitle('History');
  useEffect(() => {
    if (typed === text) return;
    const timer = setTimeout(() => void navigate({ search: typed === '' ? {} : { text: typed }, replace: true }), SETTLE_MS);
    return () => clearTimeout(timer);
  }, [typed, text, navigate]);
  const lines = usePages(['history', tenant, text], (cursor) => listHistory(tenant, text, cursor));
  const clear = useChange(() => clearHistory(tenant), [['history', tenant]], () => setClearing(false));
  return (
    <div className="stack narrow-page">
      <div className="page-head">
        <div className="page-title">
          <h1>History</h1>
          <p className="muted">What you typed in this tenant’s terminals. Only you see it.</p>
        </div>
        <span className="grow" />
        {lines.items.length > 0 && text === '' && (
          <button type="button" className="button small" onClick={() => (clear.reset(), setClearing(true))}>
            Forget all
          </button>
        )}
      </div>
      <input className="input mono" type="search" aria-label="Search the history" placeholder="Search; upper and lower case differ" spellCheck={false} value={typed} onChange={(event) => setTyped(event.target.value)} />
      <PagedList
        list={lines}
        more="Older lines"
        empty={
          text === '' ? (
            <Empty
              icon={<HistoryIcon size={26} />}
              title="Nothing was typed yet"
              actions={
                <Link to="/t/$tenant/terminal" params={{ tenant }} search={{}} className="button primary">
                  Open a terminal
                </Link>
              }
            />
          ) : (
            <Empty icon={<HistoryIcon size={26} />} title="No line has this text" />
          )
        }
      >
        {days(lines.items).map(([day, entries]) => (
          <section key={day} aria-label={day} className="stack tight">
            <h2 className="history-day num">{day}</h2>
            <ul className="card history-lines">
              {entries.map((entry) => (
                <li key={`${entry.at} ${entry.line}`}>
                  <time className="faint num" dateTime={entry.at} title={formatTime(entry.at)}>
                    {formatClock(entry.at).slice(0, 8)}
                  </time>
                  <code className="grow">{entry.line}</code>
                  <CopyButton text={entry.line} label={`Copy ${entry.line}`} />
                </li>
              ))}
            </ul>
          </section>
        ))}
      </PagedList>
      <ConfirmDialog open={clearing} title="Forget all lines?" action="Forget them" busy={clear.isPending} error={clear.error} onConfirm={() => clear.mutate(undefined)} onClose={() => setClearing(false)}>
        Your history of this tenant is erased on the host. The arrow keys of your terminals begin with nothing.
      </ConfirmDialog>
    </div>
  );
}

/** By local day, in the order they come. */
function days(entries: readonly HistoryEntry[]): [string, HistoryEntry[]][] {
  const groups = new Map<string, HistoryEntry[]>();
  for (const entry of entries) {
    const day = formatTime(entry.at).slice(0, 10);
    groups.set(day, [...(groups.get(day) ?? []), entry]);
  }
  return [...groups];
}
