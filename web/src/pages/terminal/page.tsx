// The Terminal page: a tab for each session, one of them on the screen, the others live behind it.
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { DropdownMenu, Tabs } from 'radix-ui';
import { useEffect, useState } from 'react';
import { useTenant, useTitle } from '../../app/shell';
import type { SessionInfo } from '../../stream/console/protocol';
import { ChevronsIcon, EyeIcon, HistoryIcon, PlusIcon, TerminalIcon } from '../../ui/icons';
import { Empty, ProblemNotice, Waiting } from '../../ui/parts';
import '../../styles/terminal.css';
import { SessionPanel } from './session-panel';
import { useSessions } from './use-sessions';

export default function TerminalPage() {
  const tenant = useTenant();
  const { session } = useSearch({ from: '/t/$tenant/terminal' });
  const navigate = useNavigate({ from: '/t/$tenant/terminal' });
  const { list, tabs, others, isMine, create, putAway, bringBack, refresh } = useSessions(tenant, session);
  const [visited, setVisited] = useState<readonly string[]>([]);
  const [active, setActive] = useState<readonly string[]>([]);
  const current = tabs.find(({ id }) => id === session);
  useTitle(current ? current.name : 'Terminal');

  const go = (id: string | undefined, replace = false) => void navigate({ search: id === undefined ? {} : { session: id }, replace });
  const first = tabs[0]?.id;
  useEffect(() => {
    if (session === undefined && first !== undefined) go(first, true);
  }, [session, first]);
  useEffect(() => {
    if (!current) return;
    setVisited((before) => (before.includes(current.id) ? before : [...before, current.id]));
    setActive((before) => before.filter((id) => id !== current.id));
  }, [current?.id]);

  const open = () => create.mutate(undefined, { onSuccess: ({ id }) => go(id) });
  const close = (id: string) => {
    putAway(id);
    setVisited((before) => before.filter((other) => other !== id));
    go(tabs.find((tab) => tab.id !== id)?.id, true);
  };

  if (list.isPending) return <Waiting />;
  if (list.isError && tabs.length === 0) return <ProblemNotice error={list.error} />;
  return (
    <div className="terminal-page">
      <h1 className="visually-hidden">Terminal</h1>
      <Tabs.Root className="term-tabs-root" value={current?.id ?? ''} onValueChange={(id) => go(id)} activationMode="manual">
        <div className="term-tabs">
          {tabs.length > 0 && (
            <Tabs.List className="term-tab-list" aria-label="Sessions">
              {tabs.map((info) => (
                <Tabs.Trigger key={info.id} value={info.id} className="term-tab">
                  {isMine(info) ? <TerminalIcon size={15} /> : <EyeIcon size={15} />}
                  <span className="truncate">{info.name}</span>
                  {active.includes(info.id) && <span className="term-activity" title="New output" aria-label="New output" role="img" />}
                </Tabs.Trigger>
              ))}
            </Tabs.List>
          )}
          <button type="button" className="button small quiet icon" aria-label="New terminal" title="New terminal" disabled={create.isPending} onClick={open}>
            <PlusIcon size={16} />
          </button>
          <Link to="/t/$tenant/history" params={{ tenant }} search={{}} className="button small quiet icon" aria-label="History" title="What you typed before">
            <HistoryIcon size={16} />
          </Link>
          {others.length > 0 && <OtherSessions list={others} isMine={isMine} onOpen={(id) => (bringBack(id), go(id))} />}
        </div>
        {create.error && <ProblemNotice error={create.error} />}
        {tabs.length === 0 && (
          <div className="card">
            <Empty
              icon={<TerminalIcon size={28} />}
              title="No terminal is open"
              actions={
                <button type="button" className="button primary" disabled={create.isPending} onClick={open}>
                  Open a terminal
                </button>
              }
            >
              A terminal runs this tenant’s commands as you type them. It lives on the host: close this page, come back, and it is where you left it.
            </Empty>
          </div>
        )}
        {session !== undefined && !current && tabs.length > 0 && (
          <p className="notice warn">The session in the address has ended, or is not yours. Choose another one, or open a new one.</p>
        )}
        {tabs
          .filter(({ id }) => visited.includes(id) || id === current?.id)
          .map((info) => (
            <Tabs.Content key={info.id} value={info.id} className="term-panel" forceMount hidden={info.id !== current?.id} tabIndex={-1}>
              <SessionPanel
                tenant={tenant}
                info={info}
                isMine={isMine(info)}
                isShown={info.id === current?.id}
                onActivity={() => setActive((before) => (before.includes(info.id) ? before : [...before, info.id]))}
                onClose={() => close(info.id)}
                onNew={open}
                onChanged={refresh}
              />
            </Tabs.Content>
          ))}
      </Tabs.Root>
    </div>
  );
}

function OtherSessions({ list, isMine, onOpen }: { list: SessionInfo[]; isMine: (info: SessionInfo) => boolean; onOpen: (id: string) => void }) {
  return (
    <DropdownMenu.Root modal={false}>
      <DropdownMenu.Trigger className="button small quiet" aria-label={`Other sessions: ${list.length}`}>
        {list.length} more <ChevronsIcon size={14} />
      </DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content className="menu" align="start" sideOffset={6}>
          <DropdownMenu.Label className="menu-label">Sessions that go on without a tab</DropdownMenu.Label>
          {list.map((info) => (
            <DropdownMenu.Item key={info.id} className="menu-item" onSelect={() => onOpen(info.id)}>
              {isMine(info) ? <TerminalIcon size={16} /> : <EyeIcon size={16} />}
              <span className="grow truncate">
                {info.name} {!isMine(info) && <span className="muted">look on</span>}
              </span>
            </DropdownMenu.Item>
          ))}
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}
