// Members of the tenant and open invitations.
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { changeMember, invite, listInvitations, listMembers, listRoles, removeMember, revokeInvitation } from '../../api/admin';
import type { Invitation, Invited, RoleInfo, TenantMember } from '../../api/admin-types';
import { useMay } from '../../app/rights';
import { usePrincipal, useTenant } from '../../app/shell';
import { formatTime } from '../../lib/format';
import { useNow } from '../../lib/use-now';
import { Ago, DataTable, PagedList, usePages, type Column } from '../../ui/data-table';
import { DialogFrame, FormDialog, ShownOnce } from '../../ui/form-dialog';
import { PlusIcon, UserIcon } from '../../ui/icons';
import { ConfirmDialog, Empty, Field } from '../../ui/parts';
import { RowMenu, type RowAction } from '../../ui/row-menu';
import { AdminHead } from './page-head';
import { useChange } from './use-change';

export default function MembersPage() {
  const tenant = useTenant();
  const may = useMay();
  const [inviting, setInviting] = useState(false);
  return (
    <div className="stack">
      <AdminHead
        title="Members"
        actions={
          may('member:write') && (
            <button type="button" className="button primary" onClick={() => setInviting(true)}>
              <PlusIcon size={16} /> Invite a person
            </button>
          )
        }
      >
        Who can work in this tenant, and as what.
      </AdminHead>
      <MemberList tenant={tenant} />
      <InvitationList tenant={tenant} />
      {inviting && <InviteDialog tenant={tenant} onClose={() => setInviting(false)} />}
    </div>
  );
}

const useRoles = (tenant: string) => useQuery({ queryKey: ['roles', tenant], queryFn: () => listRoles(tenant) });

function MemberList({ tenant }: { tenant: string }) {
  const me = usePrincipal();
  const may = useMay();
  const now = useNow(60_000);
  const [changing, setChanging] = useState<TenantMember>();
  const [removing, setRemoving] = useState<TenantMember>();
  const members = usePages(['members', tenant], (cursor) => listMembers(tenant, cursor));
  const remove = useChange((member: TenantMember) => removeMember(tenant, member.user_id), [['members', tenant]], () => setRemoving(undefined));
  const actionsOf = (member: TenantMember): RowAction[] => {
    const isMe = member.user_id === me.id;
    const actions: RowAction[] = [];
    if (may('member:write')) actions.push({ label: 'Change the role…', onSelect: () => setChanging(member) });
    if (may('member:write') || isMe) actions.push({ label: isMe ? 'Leave the tenant…' : 'Remove…', danger: true, onSelect: () => (remove.reset(), setRemoving(member)) });
    return actions;
  };
  const columns: Column<TenantMember>[] = [
    {
      header: 'Person',
      kind: 'name',
      cell: (member) => (
        <span className="row nowrap">
          <span className="truncate">{member.email || member.user_id}</span>
          {member.user_id === me.id && <span className="tag">You</span>}
        </span>
      ),
    },
    { header: 'Role', cell: (member) => member.role },
    { header: 'Since', cell: (member) => <Ago at={member.created_at} now={now} /> },
    { header: 'Actions', kind: 'actions', cell: (member) => <RowMenu label={`Actions for ${member.email}`} actions={actionsOf(member)} /> },
  ];
  const isMe = removing?.user_id === me.id;
  return (
    <section aria-label="Members" className="stack tight">
      <PagedList list={members} more="More members" empty={<Empty icon={<UserIcon size={26} />} title="Nobody is a member" />}>
        <DataTable label="Members" columns={columns} rows={members.items} rowKey={(member) => member.user_id} />
      </PagedList>
      {changing && <RoleDialog tenant={tenant} member={changing} onClose={() => setChanging(undefined)} />}
      <ConfirmDialog
        open={removing !== undefined}
        title={isMe ? 'Leave this tenant?' : `Remove ${removing?.email}?`}
        action={isMe ? 'Leave' : 'Remove'}
        busy={remove.isPending}
        error={remove.error}
        onConfirm={() => removing && remove.mutate(removing)}
        onClose={() => setRemoving(undefined)}
      >
        {isMe ? 'You lose access at once, and need a new invitation to come back.' : 'They lose access at once, and the API keys they made stop working. What they uploaded stays.'}
      </ConfirmDialog>
    </section>
  );
}

function RoleDialog({ tenant, member, onClose }: { tenant: string; member: TenantMember; onClose: () => void }) {
  const [role, setRole] = useState(member.role);
  const save = useChange(() => changeMember(tenant, member.user_id, role), [['members', tenant]], onClose);
  return (
    <FormDialog open title="Change the role" description={member.email} action="Change the role" busy={save.isPending} error={save.error} onSubmit={() => save.mutate(undefined)} onClose={onClose}>
      <RoleField tenant={tenant} value={role} onChange={setRole} />
    </FormDialog>
  );
}

/** Names and, below, what the chosen one is for. */
function RoleField({ tenant, value, onChange }: { tenant: string; value: string; onChange: (role: string) => void }) {
  const roles = useRoles(tenant);
  const list: readonly Pick<RoleInfo, 'name' | 'description'>[] = roles.data ?? [{ name: value, description: '' }];
  const chosen = list.find(({ name }) => name === value);
  return (
    <Field label="Role" hint={chosen?.description || (roles.isError ? 'The roles could not be read.' : undefined)}>
      {(control) => (
        <select {...control} className="input" value={value} onChange={(event) => onChange(event.target.value)}>
          {list.map(({ name }) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

function InviteDialog({ tenant, onClose }: { tenant: string; onClose: () => void }) {
  const [email, setEmail] = useState('');
  const [role, setRole] = useState('viewer');
  const [tried, setTried] = useState(false);
  const [sent, setSent] = useState<Invited>();
  const wrong = /^\S+@\S+$/.test(email.trim()) ? undefined : 'Give an e-mail address.';
  const send = useChange(() => invite(tenant, { email: email.trim(), role }), [['invitations', tenant]], setSent);
  if (sent) {
    return (
      <DialogFrame open title="Invitation made" onClose={onClose}>
        <ShownOnce title={`Send this link to ${sent.invitation.email}`} value={sent.link} copyLabel="Copy the link" testId="invitation-link">
          It works once, until {formatTime(sent.invitation.expires_at)}, and is shown only now.
        </ShownOnce>
        <div className="row dialog-actions">
          <button type="button" className="button primary" onClick={onClose}>
            Done
          </button>
        </div>
      </DialogFrame>
    );
  }
  const submit = () => {
    setTried(true);
    if (!wrong) send.mutate(undefined);
  };
  return (
    <FormDialog open title="Invite a person" description="They get a link that works once." action="Make the link" acting="Making the link…" busy={send.isPending} error={send.error} onSubmit={submit} onClose={onClose}>
      <Field label="E-mail" error={tried ? wrong : undefined}>
        {(control) => <input {...control} className="input" type="email" autoComplete="off" value={email} onChange={(event) => setEmail(event.target.value)} required />}
      </Field>
      <RoleField tenant={tenant} value={role} onChange={setRole} />
    </FormDialog>
  );
}

function InvitationList({ tenant }: { tenant: string }) {
  const may = useMay();
  const now = useNow(60_000);
  const [revoking, setRevoking] = useState<Invitation>();
  const invitations = usePages(['invitations', tenant], (cursor) => listInvitations(tenant, cursor));
  const revoke = useChange((invitation: Invitation) => revokeInvitation(tenant, invitation.id), [['invitations', tenant]], () => setRevoking(undefined));
  const columns: Column<Invitation>[] = [
    { header: 'Invited', kind: 'name', cell: ({ email }) => <span className="truncate">{email}</span> },
    { header: 'As', cell: ({ role }) => role },
    { header: 'Made', wideOnly: true, cell: ({ created_at }) => <Ago at={created_at} now={now} /> },
    {
      header: 'Good until',
      cell: ({ expires_at }) => (Date.parse(expires_at) < now ? <span className="badge">Expired</span> : <span className="num">{formatTime(expires_at).slice(0, 16)}</span>),
    },
    {
      header: 'Actions',
      kind: 'actions',
      cell: (invitation) =>
        may('member:write') && (
          <button type="button" className="button small quiet" aria-label={`Revoke the invitation of ${invitation.email}`} onClick={() => (revoke.reset(), setRevoking(invitation))}>
            Revoke
          </button>
        ),
    },
  ];
  if (invitations.query.isSuccess && invitations.items.length === 0) return null;
  return (
    <section aria-label="Open invitations" className="stack tight">
      <h2>Open invitations</h2>
      <PagedList list={invitations} empty={null}>
        <DataTable label="Open invitations" columns={columns} rows={invitations.items} rowKey={({ id }) => id} />
      </PagedList>
      <ConfirmDialog
        open={revoking !== undefined}
        title={`Revoke the invitation of ${revoking?.email}?`}
        action="Revoke"
        busy={revoke.isPending}
        error={revoke.error}
        onConfirm={() => revoking && revoke.mutate(revoking)}
        onClose={() => setRevoking(undefined)}
      >
        The link stops working at once.
      </ConfirmDialog>
    </section>
  );
}
