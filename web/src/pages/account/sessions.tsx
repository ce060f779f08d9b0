// Where the signed-in person is signed in: each session, ended one by one or all but this.
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { endOtherSignIns, endSignIn, listSignIns } from '../../api/admin';
import type { SignInSession } from '../../api/admin-types';
import { auth } from '../../api/client';
import { Frame } from '../../app/shell';
import '../../styles/admin.css';
import { formatTime } from '../../lib/format';
import { useNow } from '../../lib/use-now';
import { deviceName } from '../../lib/user-agent';
import { Ago, DataTable, TryAgain, type Column } from '../../ui/data-table';
import { ConfirmDialog, ProblemNotice, Waiting } from '../../ui/parts';
import { AdminHead } from '../admin/page-head';
import { useChange } from '../admin/use-change';

const KEY = ['sign-ins'];

export default function SessionsPage() {
  const now = useNow(30_000);
  const [ending, setEnding] = useState<SignInSession | 'others'>();
  const sessions = useQuery({ queryKey: KEY, queryFn: listSignIns });
  const end = useChange(
    async (which: SignInSession | 'others') => {
      if (which === 'others') return endOtherSignIns();
      return which.current ? auth.signOut() : endSignIn(which.id);
    },
    [KEY],
    () => setEnding(undefined),
  );
  const ask = (which: SignInSession | 'others') => {
    end.reset();
    setEnding(which);
  };
  const columns: Column<SignInSession>[] = [
    {
      header: 'Device',
      kind: 'name',
      cell: ({ agent, current }) => (
        <span className="row nowrap">
          <span className="truncate" title={agent}>
            {deviceName(agent)}
          </span>
          {current && <span className="badge ok">This one</span>}
        </span>
      ),
    },
    { header: 'Address', cell: ({ address }) => <code className="muted">{address ?? '–'}</code> },
    { header: 'Last active', cell: ({ refreshed_at }) => <Ago at={refreshed_at} now={now} /> },
    { header: 'Signed in', wideOnly: true, cell: ({ created_at }) => <Ago at={created_at} now={now} /> },
    { header: 'Ends', wideOnly: true, cell: ({ expires_at }) => <span className="num">{formatTime(expires_at).slice(0, 10)}</span> },
    {
      header: 'Actions',
      kind: 'actions',
      cell: (session) => (
        <button type="button" className="button small quiet" aria-label={session.current ? 'Sign out here' : `End the session on ${deviceName(session.agent)}`} onClick={() => ask(session)}>
          {session.current ? 'Sign out' : 'End'}
        </button>
      ),
    },
  ];
  const list = sessions.data ?? [];
  const isOthers = ending === 'others';
  return (
    <Frame>
      <main className="page narrow-page stack" id="content" tabIndex={-1}>
        <AdminHead
          title="Your sessions"
          actions={
            list.length > 1 && (
              <button type="button" className="button" onClick={() => ask('others')}>
                End all others
              </button>
            )
          }
        >
          Where you are signed in. End what you do not know, then change your password.
        </AdminHead>
        {sessions.isPending && <Waiting />}
        {sessions.isError && <ProblemNotice error={sessions.error} action={<TryAgain query={sessions} />} />}
        {list.length > 0 && <DataTable label="Your sessions" columns={columns} rows={list} rowKey={({ id }) => id} />}
        <ConfirmDialog
          open={ending !== undefined}
          title={isOthers ? 'End all other sessions?' : ending?.current ? 'Sign out here?' : 'End this session?'}
          action={isOthers ? 'End them' : ending?.current ? 'Sign out' : 'End it'}
          busy={end.isPending}
          error={end.error}
          onConfirm={() => ending && end.mutate(ending)}
          onClose={() => setEnding(undefined)}
        >
          {isOthers ? 'Every other browser and program that is signed in as you is signed out at once. This page stays.' : 'It is signed out at once. Terminals that it opened go on.'}
        </ConfirmDialog>
      </main>
    </Frame>
  );
}
