// The Commands page: pick one, run it, watch it, read its log.
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { useEffect, useMemo, useRef, useState } from 'react';
import { listDeployments } from '../api/endpoints';
import type { Deployment } from '../api/types';
import { useMay } from '../app/rights';
import { useTenant, useTitle } from '../app/shell';
import { joinWords } from '../lib/shell-words';
import { CommandIcon, SearchIcon } from '../ui/icons';
import { Empty, ProblemNotice, Waiting } from '../ui/parts';
import { CommandHeader } from './command-header';
import { RecentRuns } from './recent-runs';
import { RunForm } from './run-form';
import { RunView } from './run-view';

export function CommandsPage() {
  const tenant = useTenant();
  const { command, run } = useSearch({ from: '/t/$tenant/commands' });
  const navigate = useNavigate({ from: '/t/$tenant/commands' });
  const may = useMay();
  useTitle(command ?? 'Commands');
  // Arguments taken over from an earlier run; the count makes the form start anew with them.
  const [reused, setReused] = useState({ line: '', count: 0 });
  const deployments = useQuery({ queryKey: ['deployments', tenant], queryFn: () => listDeployments(tenant) });

  if (deployments.isPending) return <Waiting />;
  if (deployments.isError) return <ProblemNotice error={deployments.error} />;
  const list = deployments.data.items;
  if (list.length === 0 && command === undefined) return <NoCommands tenant={tenant} />;
  const current = list.find((candidate) => candidate.name === command) ?? (command === undefined ? list[0] : undefined);
  const name = command ?? current?.name;
  return (
    <div className="split">
      <CommandList tenant={tenant} list={list} current={name} />
      <div className="stack">
        {current ? (
          <section className="card" aria-label={`Command ${current.name}`} key={current.name}>
            <CommandHeader tenant={tenant} deployment={current} />
            {may('run:create', current.name) ? (
              <RunForm
                key={reused.count}
                initialLine={reused.line}
                tenant={tenant}
                deployment={current}
                onStarted={(started) => void navigate({ search: { command: current.name, run: started.id } })}
              />
            ) : (
              <p className="muted run-refused">Your role does not run this command.</p>
            )}
          </section>
        ) : (
          <div className="card">
            <Empty icon={<CommandIcon size={26} />} title={`There is no command “${name}”`}>
              It may have been removed. Its past runs and their log are still here; to run it again, deploy a module under this name.
            </Empty>
          </div>
        )}
        {run !== undefined && <RunView key={run} tenant={tenant} id={run} onReuse={current && may('run:create', current.name) ? ((args) => setReused({ line: joinWords(args), count: reused.count + 1 })) : undefined} />}
        {name !== undefined && <RecentRuns tenant={tenant} command={name} current={run} />}
      </div>
    </div>
  );
}

function NoCommands({ tenant }: { tenant: string }) {
  const canUpload = useMay()('module:upload');
  return (
    <>
      <div className="page-head">
        <h1>Commands</h1>
      </div>
      <div className="card">
        <Empty
          icon={<CommandIcon size={28} />}
          title="No commands yet"
          actions={
            canUpload && (
              <Link to="/t/$tenant/modules" params={{ tenant }} search={{}} className="button primary">
                Upload a module
              </Link>
            )
          }
        >
          A command is a WebAssembly module under a name, with its limits and what it may see. Upload a module first, then deploy it as a command.
        </Empty>
      </div>
    </>
  );
}

function CommandList({ tenant, list, current }: { tenant: string; list: Deployment[]; current: string | undefined }) {
  const [filter, setFilter] = useState('');
  const shown = useMemo(() => {
    const wanted = filter.trim().toLowerCase();
    return wanted === '' ? list : list.filter(({ name, active }) => `${name} ${active.description}`.toLowerCase().includes(wanted));
  }, [list, filter]);
  const items = useRef<HTMLUListElement>(null);
  useEffect(() => {
    // Only within the list: on phones it is a strip that begins at the first command.
    const strip = items.current;
    const link = strip?.querySelector<HTMLElement>('[aria-current]');
    if (strip && link) strip.scrollLeft = link.offsetLeft - strip.offsetLeft - (strip.clientWidth - link.offsetWidth) / 2;
  }, [current]);
  return (
    <nav className="side" aria-label="Commands">
      <div className="side-head">
        <h1>Commands</h1>
        <span className="faint num">{list.length}</span>
      </div>
      {list.length > 6 && (
        <div className="search">
          <SearchIcon size={16} />
          <input className="input small" type="search" placeholder="Find a command" aria-label="Find a command" value={filter} onChange={(event) => setFilter(event.target.value)} />
        </div>
      )}
      <ul className="side-list" ref={items}>
        {shown.map(({ name, active }) => (
          <li key={name}>
            <Link to="/t/$tenant/commands" params={{ tenant }} search={{ command: name }} className="side-link" aria-current={name === current ? 'true' : undefined}>
              <span className="mono truncate">{name}</span>
              {active.description && <span className="side-note truncate">{active.description}</span>}
            </Link>
          </li>
        ))}
      </ul>
      {shown.length === 0 && <p className="hint side-none">No command matches “{filter}”.</p>}
    </nav>
  );
}
