// The virtualised list of log lines: follows its end, pauses when one scrolls away, opens a line to its fields.
import { Link } from '@tanstack/react-router';
import { useVirtualizer } from '@tanstack/react-virtual';
import { memo, useEffect, useRef, useState, useSyncExternalStore } from 'react';
import type { LogLine } from '../api/types';
import { plainText, visibleControls } from '../lib/ansi';
import { formatClock, formatCount, formatTime, shortRun } from '../lib/format';
import { structured } from '../lib/structured';
import type { LogStore } from '../state/log-store';
import type { Logs } from '../state/use-logs';
import { useWrapLogs } from '../state/prefs';
import { ArrowDownIcon, LogsIcon } from './icons';
import { CopyButton, Empty, ProblemNotice } from './parts';

const ROW_PX = 22;
/** Nearer to the end than this counts as being there. */
const END_PX = 32;
/** Nearer to the beginning than this asks for older lines. */
const START_PX = 400;

interface LogViewProps {
  logs: Logs;
  tenant: string;
  /** Shows which command wrote a line; pointless where there is one. */
  showCommand: boolean;
  needle?: string | undefined;
  /** Shown as the one that was looked for, in the middle of the view. */
  wanted?: number | undefined;
  emptyTitle: string;
  emptyText: string;
}

export function LogView({ logs, tenant, showCommand, needle, wanted, emptyTitle, emptyText }: LogViewProps) {
  const { store } = logs;
  const { lines, pending, paused, trimmed } = useSyncExternalStore(store.subscribe, store.getSnapshot);
  const wrap = useWrapLogs();
  const [open, setOpen] = useState<number>();
  const scroller = useRef<HTMLDivElement>(null);
  const virtualizer = useVirtualizer({
    count: lines.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_PX,
    getItemKey: (index) => lines[index]!.seq,
    overscan: 20,
    anchorTo: wanted === undefined ? 'end' : 'start',
    followOnAppend: !paused && wanted === undefined,
    scrollEndThreshold: END_PX,
    initialRect: { width: 800, height: 480 },
  });

  // Rows that do not wrap are as high as all others: measuring each would lay the page out once a row.
  const opened = useRef(new Set<number>());
  if (open !== undefined) opened.current.add(open);
  useEffect(() => virtualizer.measure(), [wrap, virtualizer]);

  useEffect(() => {
    const element = scroller.current;
    if (!element) return;
    let last = element.scrollTop;
    const onScroll = () => {
      const fromEnd = element.scrollHeight - element.scrollTop - element.clientHeight;
      // Only a scroll upwards is a wish to stay: new lines and resizes also move the end away for a moment.
      if (wanted === undefined && element.scrollTop < last - 1 && fromEnd > END_PX) store.pause();
      else if (element.scrollTop > last && fromEnd <= 2) store.resume();
      if (wanted === undefined && element.scrollTop < START_PX && fromEnd > END_PX) logs.loadOlder();
      last = element.scrollTop;
    };
    element.addEventListener('scroll', onScroll, { passive: true });
    return () => element.removeEventListener('scroll', onScroll);
  }, [store, logs.loadOlder, wanted]);

  // A page may hold nothing new (the server looked far for few matches); then no scrolling would ask for the next one.
  useEffect(() => {
    let frame = requestAnimationFrame(() => {
      frame = requestAnimationFrame(() => {
        const element = scroller.current;
        if (element && store.getSnapshot().paused && element.scrollTop < START_PX) logs.loadOlder();
      });
    });
    return () => cancelAnimationFrame(frame);
  }, [store, logs.loadOlder]);

  const found = useRef<LogStore>(undefined);
  useEffect(() => {
    if (wanted === undefined || found.current === store) return;
    const index = lines.findIndex(({ seq }) => seq === wanted);
    if (index < 0) return;
    found.current = store;
    setOpen(wanted);
    const frame = requestAnimationFrame(() => virtualizer.scrollToIndex(index, { align: 'center' }));
    return () => cancelAnimationFrame(frame);
  }, [wanted, lines, store, virtualizer]);

  const toEnd = () => {
    store.resume();
    requestAnimationFrame(() => virtualizer.scrollToIndex(Math.max(0, store.getSnapshot().lines.length - 1), { align: 'end' }));
  };

  const items = virtualizer.getVirtualItems();
  return (
    <div className="log">
      {logs.problem && <ProblemNotice error={logs.problem} />}
      {logs.gap && (
        <p className="notice warn" role="status">
          Some lines were removed by retention before they could be shown. The list goes on with the oldest that are kept.
        </p>
      )}
      {logs.missing.length > 0 && !logs.gap && (
        <p className="notice warn" role="status">
          Lines that are damaged and cannot be read: {logs.missing.slice(0, 5).map(rangeText).join(', ')}
          {logs.missing.length > 5 ? ` and ${logs.missing.length - 5} more ranges` : ''}. All others are here.
        </p>
      )}
      <div className="log-frame">
        <div ref={scroller} className={wrap ? 'log-scroll wrap' : 'log-scroll'} role="region" aria-label="Log lines" tabIndex={0}>
          {lines.length === 0 && !logs.loading && (
            <Empty icon={<LogsIcon size={26} />} title={emptyTitle}>
              {emptyText}
            </Empty>
          )}
          {lines.length > 0 && <LogStart hasOlder={logs.hasOlder} trimmed={trimmed} onOlder={logs.loadOlder} />}
          <ol className="log-lines" style={{ height: virtualizer.getTotalSize() }}>
            {items.map((item) => {
              const line = lines[item.index]!;
              return (
                <li
                  key={item.key}
                  data-index={item.index}
                  ref={wrap || opened.current.has(line.seq) ? virtualizer.measureElement : undefined}
                  aria-setsize={-1}
                  aria-posinset={item.index + 1}
                  style={{ transform: `translateY(${item.start}px)` }}
                  data-wanted={line.seq === wanted || undefined}
                >
                  <Row line={line} showCommand={showCommand} needle={needle} open={open === line.seq} onToggle={setOpen} />
                  {open === line.seq && <Details line={line} tenant={tenant} />}
                </li>
              );
            })}
          </ol>
          {logs.hasNewer && (
            <button type="button" className="log-start" onClick={logs.loadNewer}>
              Show newer lines
            </button>
          )}
        </div>
        {paused && (
          <button type="button" className="log-pill" onClick={toEnd}>
            <ArrowDownIcon size={15} />
            Paused{pending > 0 ? `, ${formatCount(pending)} new` : ''}
          </button>
        )}
      </div>
    </div>
  );
}

const rangeText = ({ first_seq, last_seq }: { first_seq: number; last_seq: number }) =>
  first_seq === last_seq ? formatCount(first_seq) : `${formatCount(first_seq)} to ${formatCount(last_seq)}`;

/** A button and not only scrolling: a list shorter than its frame cannot be scrolled. */
function LogStart({ hasOlder, trimmed, onOlder }: { hasOlder: boolean; trimmed: boolean; onOlder: () => void }) {
  if (trimmed) return <p className="log-start">Older lines were let go to keep this page light. Filter to see them.</p>;
  if (!hasOlder) return <p className="log-start">The log starts here</p>;
  return (
    <button type="button" className="log-start" onClick={onOlder}>
      Show older lines
    </button>
  );
}

interface RowProps {
  line: LogLine;
  showCommand: boolean;
  needle: string | undefined;
  open: boolean;
  onToggle: (seq: number | undefined) => void;
}

const Row = memo(function Row({ line, showCommand, needle, open, onToggle }: RowProps) {
  const level = line.level ?? '';
  const text = plainText(line.text);
  const parts = structured(text);
  // What the search found may be in the part of the line that is not shown so.
  const isShown = parts && (!needle || `${parts.message} ${parts.fields}`.includes(needle));
  return (
    <button type="button" className={`log-row ${level} ${line.stream}`} aria-expanded={open} onClick={() => onToggle(open ? undefined : line.seq)}>
      <time dateTime={line.time}>{formatClock(line.time)}</time>
      <span className="log-level">{level || line.stream.replace('std', '')}</span>
      {showCommand && <span className="log-command truncate">{line.command}</span>}
      <span className="log-text">
        <Marked text={isShown ? parts.message : text} needle={needle} />
        {isShown && parts.fields && (
          <span className="log-fields">
            {' '}
            <Marked text={parts.fields} needle={needle} />
          </span>
        )}
      </span>
    </button>
  );
});

function Marked({ text, needle }: { text: string; needle: string | undefined }) {
  if (!needle) return text;
  const parts: React.ReactNode[] = [];
  let at = 0;
  // The host tells upper and lower case apart, and so do the marks.
  for (let found = text.indexOf(needle); found >= 0 && parts.length < 200; found = text.indexOf(needle, at)) {
    parts.push(text.slice(at, found), <mark key={found}>{needle}</mark>);
    at = found + needle.length;
  }
  parts.push(text.slice(at));
  return parts;
}

function Details({ line, tenant }: { line: LogLine; tenant: string }) {
  return (
    <div className="log-details">
      <dl className="facts-list">
        <dt>Time</dt>
        <dd className="num">
          {formatTime(line.time)} <span className="muted mono">{line.time}</span>
        </dd>
        <dt>Run</dt>
        <dd>
          <Link to="/t/$tenant/commands" params={{ tenant }} search={{ command: line.command, run: line.run }} className="mono">
            {shortRun(line.run)}
          </Link>
        </dd>
        <dt>Command</dt>
        <dd className="mono">{line.command}</dd>
        <dt>Stream</dt>
        <dd>{line.stream}</dd>
        {line.workflow_run && (
          <>
            <dt>Workflow run</dt>
            <dd className="mono">
              {line.workflow_run}
              {line.step ? `, step ${line.step}` : ''}
            </dd>
          </>
        )}
        <dt>Number</dt>
        <dd className="num">{formatCount(line.seq)}</dd>
        {line.fields && Object.entries(line.fields).length > 0 && (
          <>
            <dt>Fields</dt>
            <dd>
              <Fields tenant={tenant} fields={line.fields} />
            </dd>
          </>
        )}
        <dt>Text</dt>
        <dd>
          <pre>{visibleControls(line.text)}</pre>
          {line.continues && <p className="hint">Cut at 64 KiB; the next line continues it.</p>}
        </dd>
      </dl>
      <div className="log-details-tools">
        <CopyButton text={line.text} label="Copy the line" />
        <CopyButton text={() => `${window.location.origin}/t/${encodeURIComponent(tenant)}/logs?line=${line.seq}`} label="Copy a link to this line" icon="link" />
        <Link to="/t/$tenant/logs" params={{ tenant }} search={{ line: String(line.seq) }} className="button small quiet">
          In context
        </Link>
        <Link to="/t/$tenant/logs" params={{ tenant }} search={{ line: String(line.seq), run: line.run }} className="button small quiet">
          In its run
        </Link>
      </div>
    </div>
  );
}

/** Each field is a way to the lines that have the same. */
function Fields({ tenant, fields }: { tenant: string; fields: Record<string, unknown> }) {
  return (
    <ul className="log-field-list">
      {Object.entries(fields).map(([name, value]) => {
        const shown = typeof value === 'string' ? value : JSON.stringify(value);
        const isSimple = value === null || typeof value !== 'object';
        return (
          <li key={name}>
            <span className="muted">{name}</span>{' '}
            {isSimple ? (
              <Link to="/t/$tenant/logs" params={{ tenant }} search={{ field: [`${name}=${shown}`] }} className="mono" title={`Lines with ${name}=${shown}`}>
                {shown}
              </Link>
            ) : (
              <code>{shown}</code>
            )}
          </li>
        );
      })}
    </ul>
  );
}

const STATES: Record<Logs['state'], { tone: string; text: string }> = {
  connecting: { tone: '', text: 'Connecting' },
  open: { tone: 'ok', text: 'Live' },
  waiting: { tone: 'warn', text: 'Reconnecting' },
  ended: { tone: '', text: 'Ended' },
  failed: { tone: 'bad', text: 'Stopped' },
};

export function LiveBadge({ state }: { state: Logs['state'] }) {
  return (
    <span className={`badge ${STATES[state].tone}`} role="status">
      {STATES[state].text}
    </span>
  );
}
