// The small parts that every page is made of: fields, notices, badges, empty states, dialogs, copying.
import { Dialog } from 'radix-ui';
import { useEffect, useId, useRef, useState, type ReactNode } from 'react';
import { asProblem } from '../api/problem';
import type { Outcome, RunStatus } from '../api/types';
import { formatTime } from '../lib/format';
import { useNow } from '../lib/use-now';
import { AlertIcon, CheckIcon, CopyIcon, LinkIcon } from './icons';

export interface FieldProps {
  label: string;
  hint?: ReactNode;
  error?: string | undefined;
  className?: string;
  /** Gets the attributes that tie the control to its label, hint and error. */
  children: (control: { id: string; 'aria-describedby': string | undefined; 'aria-invalid': true | undefined }) => ReactNode;
}

export function Field({ label, hint, error, className, children }: FieldProps) {
  const id = useId();
  const described = [hint ? `${id}-hint` : '', error ? `${id}-error` : ''].filter(Boolean).join(' ') || undefined;
  return (
    <div className={`field ${className ?? ''}`}>
      <label htmlFor={id}>{label}</label>
      {children({ id, 'aria-describedby': described, 'aria-invalid': error ? true : undefined })}
      {hint && (
        <p className="hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
      {error && (
        <p className="error" id={`${id}-error`}>
          {error}
        </p>
      )}
    </div>
  );
}

/** What went wrong, its stable code for a search, and the id for whoever runs the host. */
export function ProblemNotice({ error, action }: { error: unknown; action?: ReactNode }) {
  const problem = asProblem(error);
  return (
    <div className="notice bad" role="alert">
      <AlertIcon />
      <div className="body">
        <strong>{problem.title}</strong>
        <p>{problem.message}</p>
        {problem.retryAtMs !== undefined && <RetryTime atMs={problem.retryAtMs} />}
        <p className="facts">
          <span>
            Code <code>{problem.code}</code>
          </span>
          {problem.requestId && (
            <span>
              Request <code>{problem.requestId}</code>
            </span>
          )}
        </p>
      </div>
      {action}
    </div>
  );
}

/** From when on asking again can help, counted down. */
function RetryTime({ atMs }: { atMs: number }) {
  const now = useNow(1_000);
  const seconds = Math.ceil((atMs - now) / 1000);
  if (seconds <= 0) return <p>You can try again now.</p>;
  const wait = seconds < 90 ? `in ${seconds} s` : `in ${Math.ceil(seconds / 60)} min`;
  return (
    <p>
      Try again {wait}, at{' '}
      <time className="num" dateTime={new Date(atMs).toISOString()}>
        {formatTime(new Date(atMs).toISOString()).slice(seconds < 43_200 ? 11 : 0)}
      </time>
      .
    </p>
  );
}

export function Empty({ icon, title, children, actions }: { icon?: ReactNode; title: string; children?: ReactNode; actions?: ReactNode }) {
  return (
    <div className="empty">
      {icon}
      <h2>{title}</h2>
      {children && <p>{children}</p>}
      {actions && <div className="row">{actions}</div>}
    </div>
  );
}

const OUTCOMES: Record<string, string> = {
  trapped: 'Trapped',
  out_of_fuel: 'Out of fuel',
  out_of_cpu_time: 'Out of CPU time',
  timed_out: 'Timed out',
  out_of_memory: 'Out of memory',
  tenant_out_of_memory: 'Tenant out of memory',
  output_limit: 'Output limit',
  cancelled: 'Killed',
  interrupted: 'Interrupted',
  host_error: 'Host error',
};

/** One badge for where a run stands or how it ended. Words first; the colour only repeats them. */
export function RunBadge({ status, outcome }: { status: RunStatus; outcome?: Outcome | undefined }) {
  if (status === 'queued') return <span className="badge">Queued</span>;
  if (status === 'running') return <span className="badge busy">Running</span>;
  if (!outcome) return <span className="badge">Ended</span>;
  return <OutcomeBadge kind={outcome.kind} exitCode={outcome.exit_code} />;
}

export function OutcomeBadge({ kind, exitCode }: { kind: string; exitCode: number }) {
  if (kind === 'exited') return <span className={`badge ${exitCode === 0 ? 'ok' : 'bad'}`}>Exit {exitCode}</span>;
  const tone = kind === 'cancelled' || kind === 'interrupted' ? 'warn' : 'bad';
  return <span className={`badge ${tone}`}>{OUTCOMES[kind] ?? kind}</span>;
}

export function CopyButton({ text, label, quiet = true, icon = 'copy' }: { text: string | (() => string); label: string; quiet?: boolean; icon?: 'copy' | 'link' }) {
  const [copied, setCopied] = useState(false);
  const timer = useRef<number>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  const copy = async () => {
    if (!(await copyText(typeof text === 'string' ? text : text()))) return;
    setCopied(true);
    clearTimeout(timer.current);
    timer.current = window.setTimeout(() => setCopied(false), 1600);
  };
  return (
    <button type="button" className={`button small icon ${quiet ? 'quiet' : ''}`} onClick={copy} aria-label={label} title={label}>
      {copied ? <CheckIcon size={16} /> : icon === 'link' ? <LinkIcon size={16} /> : <CopyIcon size={16} />}
      <span className="visually-hidden" aria-live="polite">
        {copied ? 'Copied' : ''}
      </span>
    </button>
  );
}

/** The clipboard API exists only in secure contexts; a console on plain HTTP in a private network has none. */
async function copyText(text: string): Promise<boolean> {
  if (navigator.clipboard) {
    return navigator.clipboard.writeText(text).then(
      () => true,
      () => false,
    );
  }
  const area = document.createElement('textarea');
  area.value = text;
  area.style.position = 'fixed';
  document.body.append(area);
  area.select();
  const done = document.execCommand('copy');
  area.remove();
  return done;
}

export interface ConfirmProps {
  open: boolean;
  title: string;
  children: ReactNode;
  action: string;
  busy?: boolean;
  error?: unknown;
  onConfirm: () => void;
  onClose: () => void;
}

export function ConfirmDialog({ open, title, children, action, busy, error, onConfirm, onClose }: ConfirmProps) {
  return (
    <Dialog.Root open={open} onOpenChange={(next) => !next && onClose()}>
      <Dialog.Portal>
        <Dialog.Overlay className="overlay" />
        <Dialog.Content className="dialog">
          <Dialog.Title asChild>
            <h2>{title}</h2>
          </Dialog.Title>
          <Dialog.Description asChild>
            <div className="muted">{children}</div>
          </Dialog.Description>
          {error ? <ProblemNotice error={error} /> : null}
          <div className="row">
            <Dialog.Close asChild>
              <button type="button" className="button">
                Keep
              </button>
            </Dialog.Close>
            <button type="button" className="button danger" disabled={busy} onClick={onConfirm}>
              {action}
            </button>
          </div>
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

/** A page that waits shows nothing at first: a flash of "loading" reads as slow. */
export function Waiting({ label = 'Loading' }: { label?: string }) {
  return (
    <p className="waiting" role="status">
      {label}…
    </p>
  );
}
