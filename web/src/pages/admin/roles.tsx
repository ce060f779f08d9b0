// Roles: those that every tenant has, and the tenant's own as lists of permissions.
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { listRoles, putRole, removeRole } from '../../api/admin';
import type { RoleInfo } from '../../api/admin-types';
import { useMay, useRights } from '../../app/rights';
import { useTenant } from '../../app/shell';
import { groupPermissions } from '../../lib/permissions';
import { DataTable, TryAgain, type Column } from '../../ui/data-table';
import { DialogFrame, FormDialog } from '../../ui/form-dialog';
import { PlusIcon } from '../../ui/icons';
import { ConfirmDialog, Field, ProblemNotice, Waiting } from '../../ui/parts';
import { RowMenu, type RowAction } from '../../ui/row-menu';
import { AdminHead } from './page-head';
import { PermissionPicker } from './permission-picker';
import { useChange } from './use-change';

const NAME = /^[a-z][a-z0-9-]{1,39}$/;

/** Built-in roles together hold every permission there is. */
export const allPermissions = (roles: readonly RoleInfo[]): string[] => [...new Set(roles.filter(({ built_in }) => built_in).flatMap(({ permissions }) => permissions))];

export default function RolesPage() {
  const tenant = useTenant();
  const may = useMay();
  const [editing, setEditing] = useState<RoleInfo | 'new'>();
  const [looking, setLooking] = useState<RoleInfo>();
  const [removing, setRemoving] = useState<RoleInfo>();
  const key = ['roles', tenant];
  const roles = useQuery({ queryKey: key, queryFn: () => listRoles(tenant) });
  const remove = useChange((role: RoleInfo) => removeRole(tenant, role.name), [key], () => setRemoving(undefined));
  const actionsOf = (role: RoleInfo): RowAction[] => {
    const actions: RowAction[] = [{ label: 'See its permissions', onSelect: () => setLooking(role) }];
    if (!may('role:write')) return actions;
    if (!role.built_in) actions.push({ label: 'Change…', onSelect: () => setEditing(role) });
    if (!role.built_in) actions.push({ label: 'Remove…', danger: true, onSelect: () => (remove.reset(), setRemoving(role)) });
    return actions;
  };
  const columns: Column<RoleInfo>[] = [
    { header: 'Role', kind: 'name', cell: ({ name }) => name },
    { header: 'What it is for', cell: ({ description }) => <span className="wrap muted">{description || '–'}</span> },
    {
      header: 'Permissions',
      kind: 'number',
      cell: (role) => (
        <button type="button" className="link-button num" aria-label={`${role.permissions.length} permissions of ${role.name}`} onClick={() => setLooking(role)}>
          {role.permissions.length}
        </button>
      ),
    },
    { header: 'Kind', wideOnly: true, cell: ({ built_in }) => <span className="tag">{built_in ? 'Built in' : 'Own'}</span> },
    { header: 'Actions', kind: 'actions', cell: (role) => <RowMenu label={`Actions for ${role.name}`} actions={actionsOf(role)} /> },
  ];
  return (
    <div className="stack">
      <AdminHead
        title="Roles"
        actions={
          may('role:write') && (
            <button type="button" className="button primary" onClick={() => setEditing('new')} disabled={!roles.data}>
              <PlusIcon size={16} /> New role
            </button>
          )
        }
      >
        What members may do. Nobody gives more than they hold.
      </AdminHead>
      {roles.isPending && <Waiting />}
      {roles.isError && <ProblemNotice error={roles.error} action={<TryAgain query={roles} />} />}
      {roles.data && <DataTable label="Roles" columns={columns} rows={roles.data} rowKey={({ name }) => name} />}
      {editing && roles.data && <RoleEditor tenant={tenant} role={editing === 'new' ? undefined : editing} roles={roles.data} onClose={() => setEditing(undefined)} />}
      {looking && <Permissions role={looking} onClose={() => setLooking(undefined)} />}
      <ConfirmDialog
        open={removing !== undefined}
        title={`Remove the role “${removing?.name}”?`}
        action="Remove"
        busy={remove.isPending}
        error={remove.error}
        onConfirm={() => removing && remove.mutate(removing)}
        onClose={() => setRemoving(undefined)}
      >
        Only a role that no member and no invitation has can be removed.
      </ConfirmDialog>
    </div>
  );
}

function Permissions({ role, onClose }: { role: RoleInfo; onClose: () => void }) {
  return (
    <DialogFrame open title={role.name} description={role.description} onClose={onClose}>
      <dl className="facts-list">
        {groupPermissions(role.permissions).map(({ area, label, permissions }) => (
          <div key={area} className="facts-pair">
            <dt>{label}</dt>
            <dd>{permissions.map((permission) => permission.slice(area.length + 1)).join(', ')}</dd>
          </div>
        ))}
      </dl>
      <div className="row dialog-actions">
        <button type="button" className="button" onClick={onClose}>
          Close
        </button>
      </div>
    </DialogFrame>
  );
}

function RoleEditor({ tenant, role, roles, onClose }: { tenant: string; role: RoleInfo | undefined; roles: readonly RoleInfo[]; onClose: () => void }) {
  const held = useRights();
  const [name, setName] = useState(role?.name ?? '');
  const [description, setDescription] = useState(role?.description ?? '');
  const [permissions, setPermissions] = useState<string[]>(role?.permissions ?? []);
  const [tried, setTried] = useState(false);
  const taken = !role && roles.some((other) => other.name === name);
  const nameError = taken ? 'There is a role of this name.' : NAME.test(name) ? undefined : 'Use 2 to 40 of a–z, 0–9 and “-”, beginning with a letter.';
  const noneError = permissions.length === 0 ? 'Choose at least one permission.' : undefined;
  const save = useChange(() => putRole(tenant, name, { description: description.trim(), permissions }), [['roles', tenant]], onClose);
  const submit = () => {
    setTried(true);
    if (!nameError && !noneError) save.mutate(undefined);
  };
  return (
    <FormDialog open wide title={role ? `Change “${role.name}”` : 'New role'} action={role ? 'Save' : 'Make the role'} busy={save.isPending} error={save.error} onSubmit={submit} onClose={onClose}>
      <div className="two">
        <Field label="Name" error={tried ? nameError : undefined}>
          {(control) => <input {...control} className="input mono" spellCheck={false} value={name} disabled={role !== undefined} onChange={(event) => setName(event.target.value)} required />}
        </Field>
        <Field label="What it is for">{(control) => <input {...control} className="input" maxLength={500} value={description} onChange={(event) => setDescription(event.target.value)} />}</Field>
      </div>
      <PermissionPicker all={allPermissions(roles)} held={held} value={permissions} onChange={setPermissions} />
      {tried && noneError && <p className="field-error">{noneError}</p>}
    </FormDialog>
  );
}
