// What a person should know of a session: who types, what is missing, why it stands still, that it is over.
import { ApiProblem } from '../../api/problem';
import { useNow } from '../../lib/use-now';
import type { ConsoleState } from '../../stream/console/connection';
import { formatBytes } from '../../lib/format';
import { ProblemNotice } from '../../ui/parts';
import type { SessionView } from '../../ui/session-screen';

interface NoticesProps {
  view: SessionView;
  isMine: boolean;
  connection: ConsoleState;
  onRetry: () => void;
  onTakeOver: () => void;
  onClose: () => void;
  onNew: () => void;
}

const REASONS: Record<string, string> = {
  exited: 'The session has ended.',
  ended: 'The session was ended.',
  idle: 'The session ended because nobody was there for a long time.',
  revoked: 'The session ended because the rights it was made with are gone.',
  stopping: 'The session ended because the host stopped.',
};
/** Codes that say that there is no such session any more. */
const GONE = ['console_session_not_found', 'console_session_ended', 'session_not_found'];

export function SessionNotices({ view, isMine, connection, onRetry, onTakeOver, onClose, onNew }: NoticesProps) {
  const isGone = view.problem !== undefined && GONE.includes(view.problem.code);
  return (
    <div className="term-notices">
      {connection.phase === 'waiting' && <Reconnecting connection={connection} onRetry={onRetry} />}
      {connection.phase === 'ended' && connection.problem && (
        <ProblemNotice
          error={connection.problem}
          action={
            <button type="button" className="button small" onClick={onRetry}>
              Connect again
            </button>
          }
        />
      )}
      {(view.exit || isGone) && (
        <div className="notice" role="status">
          <div className="body">
            <p>{isGone ? 'The session is not there any more: it has ended, or the host was started anew.' : overText(view)} What it showed stays here until you close the tab.</p>
          </div>
          <span />
          <div className="row">
            <button type="button" className="button small" onClick={onNew}>
              New terminal
            </button>
            <button type="button" className="button small quiet" onClick={onClose}>
              Close the tab
            </button>
          </div>
        </div>
      )}
      {view.phase === 'live' && !view.isOwner && !isGone && (
        <div className="notice warn" role="status">
          <div className="body">
            <p>{isMine ? 'You are looking on: another tab or device types into this session.' : 'You are looking on: this session belongs to somebody else.'}</p>
          </div>
          <span />
          {isMine && (
            <button type="button" className="button small" onClick={onTakeOver}>
              Take over
            </button>
          )}
        </div>
      )}
      {view.truncated && <p className="notice warn">The beginning of this session is no longer kept. What is left follows.</p>}
      {view.missingBytes > 0 && <p className="notice warn">{formatBytes(view.missingBytes)} of output are missing in between; the places are marked.</p>}
      {view.problem && !isGone && <ProblemNotice error={asNotice(view.problem)} />}
    </div>
  );
}

function overText(view: SessionView): string {
  const { reason, exit_code: code } = view.exit ?? {};
  const text = REASONS[reason ?? 'exited'] ?? 'The session has ended.';
  return code === undefined || reason !== 'exited' ? text : `The session has ended with exit code ${code}.`;
}

function Reconnecting({ connection, onRetry }: { connection: ConsoleState; onRetry: () => void }) {
  const now = useNow(500);
  const seconds = Math.max(0, Math.ceil(((connection.retryAtMs ?? now) - now) / 1000));
  return (
    <div className="notice" role="status">
      <div className="body">
        <p>The connection was lost. What you type is kept and sent when it is back{seconds > 1 ? `; next try in ${seconds} s` : ''}.</p>
      </div>
      <span />
      <button type="button" className="button small" onClick={onRetry}>
        Try now
      </button>
    </div>
  );
}

/** A refusal that came as an event, shown like any other. */
const asNotice = ({ code, detail }: { code: string; detail: string }) => new ApiProblem({ code, title: 'The host refused', detail });
