// One session: its tools, the command on the screen, its notices, and the terminal itself.
import { useCallback, useEffect, useRef, useState, useSyncExternalStore } from 'react';
import { consoleOf, useConsoleState } from '../../state/console';
import { usePrefs } from '../../state/prefs';
import type { SessionInfo } from '../../stream/console/protocol';
import { SessionScreen, type SessionView } from '../../ui/session-screen';
import { BlockBar } from './block-bar';
import { Gutter } from './gutter';
import { SessionNotices } from './notices';
import { PasteDialog } from './paste-dialog';
import { SearchBar } from './search-bar';
import { KeyRow, SessionTools } from './session-tools';
import { firstRole, markOwned } from './use-sessions';

/** How often the plain text is read again while output comes. */
const PLAIN_MS = 250;

export interface SessionPanelProps {
  tenant: string;
  info: SessionInfo;
  isMine: boolean;
  isShown: boolean;
  onActivity: () => void;
  onClose: () => void;
  onNew: () => void;
  onChanged: () => void;
}

const NOTHING: SessionView = {
  phase: 'attaching',
  isOwner: false,
  raw: false,
  replaying: true,
  truncated: false,
  missingBytes: 0,
  blocks: [],
  atPrompt: false,
  current: undefined,
  problem: undefined,
  exit: undefined,
  matches: undefined,
};
const nothing = () => NOTHING;
const never = () => () => undefined;

export function SessionPanel({ tenant, info, isMine, isShown, onActivity, onClose, onNew, onChanged }: SessionPanelProps) {
  const connection = consoleOf(tenant);
  const state = useConsoleState(connection);
  const host = useRef<HTMLDivElement>(null);
  const [screen, setScreen] = useState<SessionScreen>();
  const [paste, setPaste] = useState<{ text: string; waits: boolean }>();
  const [searching, setSearching] = useState(false);
  const [plain, setPlain] = useState(false);
  const screenReader = usePrefs((prefs) => prefs.screenReader);
  const latest = useRef({ info, isMine, isShown, onActivity, screenReader });
  latest.current = { info, isMine, isShown, onActivity, screenReader };

  useEffect(() => {
    if (!host.current) return;
    const { info: at, isMine: mine, screenReader: speaks } = latest.current;
    const made = new SessionScreen(host.current, {
      connection,
      session: at.id,
      role: firstRole(at, mine),
      label: `Terminal ${at.name}`,
      screenReader: speaks,
      onPasteLines: setPaste,
      onSearch: () => setSearching(true),
      onOutput: () => {
        if (!latest.current.isShown) latest.current.onActivity();
      },
    });
    setScreen(made);
    return () => {
      setScreen(undefined);
      made.dispose();
    };
  }, [connection, info.id]);

  const view = useSyncExternalStore(screen?.subscribe ?? never, screen?.getSnapshot ?? nothing);
  useEffect(() => screen?.setScreenReader(screenReader), [screen, screenReader]);
  useEffect(() => {
    if (view.phase === 'live') markOwned(info.id, view.isOwner);
    else if (view.phase === 'over') onChanged();
  }, [info.id, view.phase, view.isOwner]);
  useEffect(() => {
    if (isShown && screen && !plain && matchMedia('(pointer: fine)').matches) screen.focus();
  }, [isShown, screen, plain]);
  const endSearch = useCallback(() => {
    setSearching(false);
    screen?.endSearch();
    screen?.focus();
  }, [screen]);

  return (
    <section className="term" aria-label={`Session ${info.name}`} data-phase={view.phase} data-owner={view.isOwner || undefined} data-transport={state.transport}>
      <SessionTools
        tenant={tenant}
        info={info}
        isMine={isMine}
        view={view}
        connection={state}
        plain={plain}
        onPlain={() => setPlain(!plain)}
        onSearch={() => setSearching(true)}
        onInterrupt={() => screen?.interrupt()}
        onClose={onClose}
        onChanged={onChanged}
      />
      <SessionNotices
        view={view}
        isMine={isMine}
        connection={state}
        onRetry={() => connection.retry()}
        onTakeOver={() => screen?.takeOver()}
        onClose={onClose}
        onNew={onNew}
      />
      <BlockBar tenant={tenant} view={view} onJump={(by) => screen?.jump(by)} onRun={(line) => screen?.run(line)} outputOf={(block) => screen?.outputOf(block) ?? ''} />
      {searching && <SearchBar matches={view.matches} onFind={(text, back) => screen?.search(text, back)} onClose={endSearch} />}
      <div className="term-frame" hidden={plain}>
        {screen && <Gutter screen={screen} view={view} />}
        <div ref={host} className="term-screen" />
      </div>
      {plain && screen && <PlainText screen={screen} label={`Text of ${info.name}`} />}
      <KeyRow onKey={(data) => (screen?.send(data), screen?.focus())} onInterrupt={() => screen?.interrupt()} disabled={!view.isOwner} />
      <p className="term-keys hint" id="terminal-keys">
        <kbd>Esc</kbd> then <kbd>Tab</kbd> leaves the terminal. <kbd>Ctrl</kbd>+<kbd>↑</kbd> and <kbd>↓</kbd> go from command to command, <kbd>Ctrl</kbd>+<kbd>Shift</kbd>+<kbd>F</kbd> searches.
      </p>
      <PasteDialog
        paste={paste}
        onClose={() => setPaste(undefined)}
        onPaste={(text) => {
          setPaste(undefined);
          // After the dialog has given the focus back.
          requestAnimationFrame(() => screen?.paste(text));
        }}
      />
    </section>
  );
}

/** The whole output as text, for reading at one's own pace. */
function PlainText({ screen, label }: { screen: SessionScreen; label: string }) {
  const [text, setText] = useState('');
  useEffect(() => {
    setText(screen.text());
    const timer = setInterval(() => setText(screen.text()), PLAIN_MS);
    return () => clearInterval(timer);
  }, [screen]);
  return (
    <pre className="term-plain" tabIndex={0} role="region" aria-label={label}>
      {text || 'Nothing was written yet.'}
    </pre>
  );
}
