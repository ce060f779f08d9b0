// The command on the screen: what was typed, how it ended, how long it took, and what can be done with it.
import { Link } from '@tanstack/react-router';
import { formatMicros } from '../../lib/format';
import type { Block } from '../../stream/console/blocks';
import { AgainIcon, ArrowDownIcon, ArrowUpIcon, LogsIcon } from '../../ui/icons';
import { CopyButton, OutcomeBadge } from '../../ui/parts';
import type { SessionView } from '../../ui/session-screen';

interface BlockBarProps {
  tenant: string;
  view: SessionView;
  onJump: (by: -1 | 1) => void;
  onRun: (line: string) => void;
  outputOf: (block: Block) => string;
}

export function BlockBar({ tenant, view, onJump, onRun, outputOf }: BlockBarProps) {
  const block = view.current;
  if (!block) return null;
  const number = view.blocks.indexOf(block) + 1;
  const label = block.line || 'the command';
  return (
    <div className="term-block" role="group" aria-label={`Command ${number} of ${view.blocks.length}`}>
      <code className="term-line truncate grow" title={block.line}>
        <span className="faint" aria-hidden="true">
          ${' '}
        </span>
        {block.line}
      </code>
      <span className="row nowrap" role="status">
        <BlockEnd block={block} />
      </span>
      <span className="term-block-tools">
        <button type="button" className="button small icon quiet" aria-label="Previous command" title="Previous command (Ctrl+↑)" onClick={() => onJump(-1)}>
          <ArrowUpIcon size={15} />
        </button>
        <button type="button" className="button small icon quiet" aria-label="Next command" title="Next command (Ctrl+↓)" onClick={() => onJump(1)}>
          <ArrowDownIcon size={15} />
        </button>
        <CopyButton text={() => outputOf(block)} label={`Copy the output of ${label}`} />
        <button
          type="button"
          className="button small icon quiet"
          aria-label={`Run ${label} again`}
          title={view.atPrompt ? 'Run again' : 'Runs again when the prompt is back'}
          disabled={!view.isOwner || !view.atPrompt || block.line === ''}
          onClick={() => onRun(block.line)}
        >
          <AgainIcon size={15} />
        </button>
        {logOf(block) && (
          <Link to="/t/$tenant/logs" params={{ tenant }} search={logOf(block)!} className="button small icon quiet" aria-label={`Log of ${label}`} title={block.run ? 'Log of this run' : 'Log of this command'}>
            <LogsIcon size={15} />
          </Link>
        )}
      </span>
    </div>
  );
}

/** A line may have started several runs, and then names none; its first word still names a command. */
function logOf({ run, line }: Block): { run: string } | { command: string } | undefined {
  if (run !== undefined) return { run };
  const command = /^\s*([a-z0-9][a-z0-9._-]{0,63})(?=\s|$)/.exec(line)?.[1];
  return command === undefined ? undefined : { command };
}

function BlockEnd({ block }: { block: Block }) {
  if (!block.end) return <span className="badge busy">Running</span>;
  const { exitCode, outcome, durationMs } = block.end;
  return (
    <>
      <OutcomeBadge kind={outcome ?? 'exited'} exitCode={exitCode ?? 0} />
      {durationMs !== undefined && <span className="faint num">{durationMs < 1 ? '< 1 ms' : formatMicros(durationMs * 1000)}</span>}
    </>
  );
}

