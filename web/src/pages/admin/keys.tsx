// API keys: made with scopes and an end, shown once, revoked.
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { createKey, listKeys, listRoles, revokeKey } from '../../api/admin';
import type { ApiKey, CreatedApiKey } from '../../api/admin-types';
import { useMay, useRights } from '../../app/rights';
import { useTenant } from '../../app/shell';
import { formatTime } from '../../lib/format';
import { useNow } from '../../lib/use-now';
import { Ago, DataTable, PagedList, usePages, type Column } from '../../ui/data-table';
import { DialogFrame, FormDialog, ShownOnce } from '../../ui/form-dialog';
import { KeyIcon, PlusIcon } from '../../ui/icons';
import { ConfirmDialog, Empty, Field } from '../../ui/parts';
import { AdminHead } from './page-head';
import { PermissionPicker } from './permission-picker';
import { allPermissions } from './roles';
import { Person } from './person';
import { useChange } from './use-change';
import { usePeople } from './use-people';

const DAY_S = 86_400;
const LIFETIMES = [7, 30, 90, 365];
const DEFAULT_DAYS = 90;
const SOON_MS = 7 * DAY_S * 1000;
/** Scopes named in the list; the rest is a number. */
const SHOWN_SCOPES = 2;

export default function KeysPage() {
  const tenant = useTenant();
  const may = useMay();
  const nameOf = usePeople(tenant);
  const now = useNow(60_000);
  const [making, setMaking] = useState(false);
  const [revoking, setRevoking] = useState<ApiKey>();
  const keys = usePages(['keys', tenant], (cursor) => listKeys(tenant, cursor));
  const revoke = useChange((key: ApiKey) => revokeKey(tenant, key.id), [['keys', tenant]], () => setRevoking(undefined));
  const canMake = may('key:write');
  const columns: Column<ApiKey>[] = [
    {
      header: 'Key',
      kind: 'name',
      cell: ({ name, prefix }) => (
        <span className="two-lines">
          <span className="truncate">{name}</span>
          <code className="faint">{prefix}…</code>
        </span>
      ),
    },
    { header: 'May', cell: ({ permissions }) => <Scopes permissions={permissions} /> },
    { header: 'Made by', wideOnly: true, cell: ({ created_by }) => <Person id={created_by} nameOf={nameOf} /> },
    { header: 'Last used', cell: ({ last_used_at }) => (last_used_at ? <Ago at={last_used_at} now={now} /> : <span className="muted">Never</span>) },
    { header: 'Good until', cell: ({ expires_at }) => <Expiry at={expires_at} now={now} /> },
    {
      header: 'Actions',
      kind: 'actions',
      cell: (key) =>
        canMake && (
          <button type="button" className="button small quiet" aria-label={`Revoke ${key.name}`} onClick={() => (revoke.reset(), setRevoking(key))}>
            Revoke
          </button>
        ),
    },
  ];
  const make = canMake && (
    <button type="button" className="button primary" onClick={() => setMaking(true)}>
      <PlusIcon size={16} /> New key
    </button>
  );
  return (
    <div className="stack">
      <AdminHead title="API keys" actions={keys.items.length > 0 && make}>
        For programs. A key never does more than who made it may.
      </AdminHead>
      <PagedList
        list={keys}
        more="More keys"
        empty={
          <Empty icon={<KeyIcon size={26} />} title="No API keys" actions={make}>
            A key lets a script or a service work in this tenant without a person who signs in.
          </Empty>
        }
      >
        <DataTable label="API keys" columns={columns} rows={keys.items} rowKey={({ id }) => id} />
      </PagedList>
      {making && <NewKey tenant={tenant} onClose={() => setMaking(false)} />}
      <ConfirmDialog
        open={revoking !== undefined}
        title={`Revoke “${revoking?.name}”?`}
        action="Revoke"
        busy={revoke.isPending}
        error={revoke.error}
        onConfirm={() => revoking && revoke.mutate(revoking)}
        onClose={() => setRevoking(undefined)}
      >
        Whatever uses the key is refused from now on, and its terminal sessions end. There is no way back.
      </ConfirmDialog>
    </div>
  );
}

function Scopes({ permissions }: { permissions: readonly string[] }) {
  const rest = permissions.length - SHOWN_SCOPES;
  return (
    <span className="row scopes" title={permissions.join('\n')}>
      {permissions.slice(0, SHOWN_SCOPES).map((permission) => (
        <code key={permission} className="tag">
          {permission}
        </code>
      ))}
      {rest > 0 && <span className="muted num">+{rest}</span>}
    </span>
  );
}

function Expiry({ at, now }: { at: string; now: number }) {
  const leftMs = Date.parse(at) - now;
  if (leftMs <= 0) return <span className="badge">Expired</span>;
  return (
    <time dateTime={at} title={formatTime(at)} className={leftMs < SOON_MS ? 'badge warn' : 'num'}>
      {formatTime(at).slice(0, 10)}
    </time>
  );
}

function NewKey({ tenant, onClose }: { tenant: string; onClose: () => void }) {
  const held = useRights();
  const roles = useQuery({ queryKey: ['roles', tenant], queryFn: () => listRoles(tenant) });
  const [name, setName] = useState('');
  const [days, setDays] = useState(DEFAULT_DAYS);
  const [permissions, setPermissions] = useState<string[]>([]);
  const [tried, setTried] = useState(false);
  const [made, setMade] = useState<CreatedApiKey>();
  const nameError = name.trim() === '' ? 'Give the key a name, so that you know it again.' : undefined;
  const noneError = permissions.length === 0 ? 'Choose at least one permission.' : undefined;
  const save = useChange(() => createKey(tenant, { name: name.trim(), permissions, ttl_s: days * DAY_S }), [['keys', tenant]], setMade);
  const submit = () => {
    setTried(true);
    if (!nameError && !noneError) save.mutate(undefined);
  };
  if (made) {
    return (
      <DialogFrame open title="Key made" onClose={onClose}>
        <ShownOnce title={made.key.name} value={made.secret} copyLabel="Copy the key" testId="key-secret">
          Keep it now: it is shown only once. Good until {formatTime(made.key.expires_at)}.
        </ShownOnce>
        <div className="row dialog-actions">
          <button type="button" className="button primary" onClick={onClose}>
            Done
          </button>
        </div>
      </DialogFrame>
    );
  }
  // Without the right to see roles, what one holds oneself is all there is to choose from.
  const all = roles.data ? allPermissions(roles.data) : held;
  const reads = held.filter((permission) => permission.endsWith(':read'));
  return (
    <FormDialog open wide title="New API key" action="Make the key" acting="Making…" busy={save.isPending} error={save.error} onSubmit={submit} onClose={onClose}>
      <div className="two">
        <Field label="Name" error={tried ? nameError : undefined}>
          {(control) => <input {...control} className="input" maxLength={100} placeholder="nightly import" value={name} onChange={(event) => setName(event.target.value)} required />}
        </Field>
        <Field label="Good for">
          {(control) => (
            <select {...control} className="input" value={days} onChange={(event) => setDays(Number(event.target.value))}>
              {LIFETIMES.map((count) => (
                <option key={count} value={count}>
                  {count === 365 ? '1 year' : `${count} days`}
                </option>
              ))}
            </select>
          )}
        </Field>
      </div>
      <div className="row">
        <span className="label">Begin with</span>
        <button type="button" className="button small" onClick={() => setPermissions(reads)}>
          Reading
        </button>
        {held.includes('run:create') && (
          <button type="button" className="button small" onClick={() => setPermissions(['run:create', 'run:control', 'run:read', 'deployment:read'].filter((one) => held.includes(one)))}>
            Running commands
          </button>
        )}
        <button type="button" className="button small" onClick={() => setPermissions([...held])}>
          All that I may
        </button>
        <button type="button" className="button small quiet" onClick={() => setPermissions([])}>
          Nothing
        </button>
      </div>
      <PermissionPicker all={all} held={held} value={permissions} onChange={setPermissions} />
      {tried && noneError && <p className="field-error">{noneError}</p>}
    </FormDialog>
  );
}
