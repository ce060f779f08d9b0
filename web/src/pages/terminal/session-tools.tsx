// The tools of a session: state of the connection, interrupt, search, plain text; rename, close, end. And keys for phones.
import { useMutation } from '@tanstack/react-query';
import { Dialog, DropdownMenu } from 'radix-ui';
import { useState } from 'react';
import { endSession, renameSession } from '../../api/console';
import { usePrefs } from '../../state/prefs';
import type { ConsoleState } from '../../stream/console/connection';
import type { SessionInfo } from '../../stream/console/protocol';
import { CheckIcon, MoreIcon, SearchIcon, StopIcon, TextIcon } from '../../ui/icons';
import { ConfirmDialog, Field, ProblemNotice } from '../../ui/parts';
import type { SessionView } from '../../ui/session-screen';

interface ToolsProps {
  tenant: string;
  info: SessionInfo;
  isMine: boolean;
  view: SessionView;
  connection: ConsoleState;
  plain: boolean;
  onPlain: () => void;
  onSearch: () => void;
  onInterrupt: () => void;
  onClose: () => void;
  onChanged: () => void;
}

export function SessionTools({ tenant, info, isMine, view, connection, plain, onPlain, onSearch, onInterrupt, onClose, onChanged }: ToolsProps) {
  const [dialog, setDialog] = useState<'rename' | 'end'>();
  const end = useMutation({
    mutationFn: () => endSession(tenant, info.id),
    onSuccess: () => {
      setDialog(undefined);
      onChanged();
      onClose();
    },
  });
  return (
    <div className="term-tools">
      <ConnectionBadge state={connection} view={view} />
      {view.raw && <span className="tag">raw input</span>}
      <span className="grow" />
      <button type="button" className="button small quiet" disabled={!view.isOwner} title="Interrupt (Ctrl+C)" onClick={onInterrupt}>
        <StopIcon size={14} /> <span className="wide-text">Interrupt</span>
      </button>
      <button type="button" className="button small icon quiet" aria-label="Find in the terminal" title="Find (Ctrl+Shift+F)" onClick={onSearch}>
        <SearchIcon size={16} />
      </button>
      <button type="button" className="button small icon quiet" aria-pressed={plain} aria-label="Plain text" title="Plain text" onClick={onPlain}>
        <TextIcon size={16} />
      </button>
      <SessionMenu canEnd={view.phase !== 'over'} isMine={isMine} onRename={() => setDialog('rename')} onEnd={() => setDialog('end')} onClose={onClose} />
      <Dialog.Root open={dialog === 'rename'} onOpenChange={(open) => !open && setDialog(undefined)}>
        <Dialog.Portal>
          <Dialog.Overlay className="overlay" />
          <Dialog.Content className="dialog" aria-describedby={undefined}>
            <RenameForm
              tenant={tenant}
              info={info}
              onDone={() => {
                setDialog(undefined);
                onChanged();
              }}
            />
          </Dialog.Content>
        </Dialog.Portal>
      </Dialog.Root>
      <ConfirmDialog
        open={dialog === 'end'}
        title={`End “${info.name}”?`}
        action="End the session"
        busy={end.isPending}
        error={end.error}
        onConfirm={() => end.mutate()}
        onClose={() => setDialog(undefined)}
      >
        Everything that it runs is killed, and what it showed is gone. The log of its runs stays. To only put it away, close the tab.
      </ConfirmDialog>
    </div>
  );
}

function ConnectionBadge({ state, view }: { state: ConsoleState; view: SessionView }) {
  const [tone, text] =
    view.phase === 'over'
      ? ['', 'Ended']
      : state.phase === 'ended'
        ? ['bad', 'Not connected']
        : state.phase === 'waiting'
          ? ['warn', 'Reconnecting']
          : view.phase === 'attaching' || state.phase === 'connecting'
            ? ['', 'Connecting']
            : view.isOwner
              ? ['ok', 'Live']
              : ['warn', 'Looking on'];
  return (
    <span className={`badge ${tone}`} role="status" data-testid="session-state">
      {text}
    </span>
  );
}

interface SessionMenuProps {
  canEnd: boolean;
  isMine: boolean;
  onRename: () => void;
  onEnd: () => void;
  onClose: () => void;
}

function SessionMenu({ canEnd, isMine, onRename, onEnd, onClose }: SessionMenuProps) {
  const { screenReader, setScreenReader } = usePrefs();
  return (
    <DropdownMenu.Root modal={false}>
      <DropdownMenu.Trigger className="button small icon quiet" aria-label="More" title="More">
        <MoreIcon size={16} />
      </DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content className="menu" align="end" sideOffset={6}>
          {isMine && canEnd && (
            <DropdownMenu.Item className="menu-item" onSelect={onRename}>
              Rename…
            </DropdownMenu.Item>
          )}
          <DropdownMenu.CheckboxItem className="menu-item" checked={screenReader} onCheckedChange={(on) => setScreenReader(on)}>
            <span className="grow">Screen-reader mode</span>
            <DropdownMenu.ItemIndicator>
              <CheckIcon size={16} />
            </DropdownMenu.ItemIndicator>
          </DropdownMenu.CheckboxItem>
          <DropdownMenu.Separator className="menu-line" />
          <DropdownMenu.Item className="menu-item" onSelect={onClose}>
            {canEnd ? 'Close the tab, keep the session' : 'Close the tab'}
          </DropdownMenu.Item>
          {canEnd && (
            <DropdownMenu.Item className="menu-item" onSelect={onEnd}>
              End the session…
            </DropdownMenu.Item>
          )}
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}

function RenameForm({ tenant, info, onDone }: { tenant: string; info: SessionInfo; onDone: () => void }) {
  const [name, setName] = useState(info.name);
  const rename = useMutation({ mutationFn: () => renameSession(tenant, info.id, name.trim()), onSuccess: onDone });
  return (
    <form
      className="form"
      onSubmit={(event) => {
        event.preventDefault();
        rename.mutate();
      }}
    >
      <Dialog.Title asChild>
        <h2>Rename the session</h2>
      </Dialog.Title>
      <Field label="Name">{(control) => <input {...control} className="input" value={name} maxLength={100} required onChange={(event) => setName(event.target.value)} />}</Field>
      {rename.error && <ProblemNotice error={rename.error} />}
      <div className="row dialog-actions">
        <Dialog.Close asChild>
          <button type="button" className="button quiet">
            Cancel
          </button>
        </Dialog.Close>
        <button type="submit" className="button primary" disabled={rename.isPending || name.trim() === ''}>
          Rename
        </button>
      </div>
    </form>
  );
}

const KEYS = [
  ['Esc', '\x1b', 'Esc'],
  ['Tab', '\t', 'Tab'],
  ['↑', '\x1b[A', 'Up'],
  ['↓', '\x1b[B', 'Down'],
  ['←', '\x1b[D', 'Left'],
  ['→', '\x1b[C', 'Right'],
] as const;

/** Keys that the keyboard of a phone does not have. */
export function KeyRow({ onKey, onInterrupt, disabled }: { onKey: (data: string) => void; onInterrupt: () => void; disabled: boolean }) {
  return (
    <div className="term-key-row" role="group" aria-label="Keys">
      <button type="button" className="button small" disabled={disabled} onClick={onInterrupt}>
        Ctrl+C
      </button>
      {KEYS.map(([face, data, label]) => (
        <button key={label} type="button" className="button small" aria-label={face === label ? undefined : label} disabled={disabled} onClick={() => onKey(data)}>
          {face}
        </button>
      ))}
    </div>
  );
}
