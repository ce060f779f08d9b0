// Secrets of the tenant: named, replaced, removed, and never shown.
import { useState } from 'react';
import { listSecrets, putSecret, removeSecret } from '../../api/admin';
import type { Secret } from '../../api/admin-types';
import { useMay } from '../../app/rights';
import { useTenant } from '../../app/shell';
import { useNow } from '../../lib/use-now';
import { Ago, DataTable, PagedList, usePages, type Column } from '../../ui/data-table';
import { FormDialog } from '../../ui/form-dialog';
import { KeyIcon, PlusIcon } from '../../ui/icons';
import { ConfirmDialog, Empty, Field } from '../../ui/parts';
import { RowMenu } from '../../ui/row-menu';
import { AdminHead } from './page-head';
import { Person } from './person';
import { useChange } from './use-change';
import { usePeople } from './use-people';

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const MAX_BYTES = 16_384;

export default function SecretsPage() {
  const tenant = useTenant();
  const may = useMay();
  const nameOf = usePeople(tenant);
  const now = useNow(60_000);
  const [setting, setSetting] = useState<Secret | 'new'>();
  const [removing, setRemoving] = useState<Secret>();
  const secrets = usePages(['secrets', tenant], (cursor) => listSecrets(tenant, cursor));
  const remove = useChange((secret: Secret) => removeSecret(tenant, secret.name), [['secrets', tenant]], () => setRemoving(undefined));
  const canWrite = may('secret:write');
  const columns: Column<Secret>[] = [
    { header: 'Name', kind: 'name', cell: ({ name }) => <code>{name}</code> },
    { header: 'Set', cell: ({ updated_at }) => <Ago at={updated_at} now={now} /> },
    { header: 'By', wideOnly: true, cell: ({ updated_by }) => <Person id={updated_by} nameOf={nameOf} /> },
    {
      header: 'Actions',
      kind: 'actions',
      cell: (secret) => (
        <RowMenu
          label={`Actions for ${secret.name}`}
          actions={
            canWrite
              ? [
                  { label: 'Replace the value…', onSelect: () => setSetting(secret) },
                  { label: 'Remove…', danger: true, onSelect: () => (remove.reset(), setRemoving(secret)) },
                ]
              : []
          }
        />
      ),
    },
  ];
  const make = canWrite && (
    <button type="button" className="button primary" onClick={() => setSetting('new')}>
      <PlusIcon size={16} /> New secret
    </button>
  );
  return (
    <div className="stack">
      <AdminHead title="Secrets" actions={secrets.items.length > 0 && make}>
        Sealed on the host. A command gets one only when its deployment grants it.
      </AdminHead>
      <PagedList
        list={secrets}
        more="More secrets"
        empty={
          <Empty icon={<KeyIcon size={26} />} title="No secrets" actions={make}>
            Keep a token or a password here, and grant it to a command as a variable or as a header that the command never sees.
          </Empty>
        }
      >
        <DataTable label="Secrets" columns={columns} rows={secrets.items} rowKey={({ name }) => name} />
      </PagedList>
      {setting && <SecretForm tenant={tenant} secret={setting === 'new' ? undefined : setting} onClose={() => setSetting(undefined)} />}
      <ConfirmDialog
        open={removing !== undefined}
        title={`Remove the secret “${removing?.name}”?`}
        action="Remove"
        busy={remove.isPending}
        error={remove.error}
        onConfirm={() => removing && remove.mutate(removing)}
        onClose={() => setRemoving(undefined)}
      >
        Commands that are granted it cannot start any more.
      </ConfirmDialog>
    </div>
  );
}

function SecretForm({ tenant, secret, onClose }: { tenant: string; secret: Secret | undefined; onClose: () => void }) {
  const [name, setName] = useState(secret?.name ?? '');
  const [value, setValue] = useState('');
  const [tried, setTried] = useState(false);
  const nameError = NAME.test(name) ? undefined : 'Use 1 to 64 letters, digits, “.”, “_” and “-”, beginning with a letter or digit.';
  const bytes = new TextEncoder().encode(value).length;
  const valueError = bytes === 0 ? 'Give the value.' : bytes > MAX_BYTES ? `At most ${MAX_BYTES.toLocaleString('en-US')} bytes.` : undefined;
  const save = useChange(() => putSecret(tenant, name, value), [['secrets', tenant]], onClose);
  const submit = () => {
    setTried(true);
    if (!nameError && !valueError) save.mutate(undefined);
  };
  return (
    <FormDialog
      open
      title={secret ? `Replace “${secret.name}”` : 'New secret'}
      description={secret ? 'Runs that start from now on get the new value.' : undefined}
      action={secret ? 'Replace' : 'Keep the secret'}
      busy={save.isPending}
      error={save.error}
      onSubmit={submit}
      onClose={onClose}
    >
      {!secret && (
        <Field label="Name" error={tried ? nameError : undefined}>
          {(control) => <input {...control} className="input mono" spellCheck={false} autoComplete="off" value={name} onChange={(event) => setName(event.target.value)} required />}
        </Field>
      )}
      <Field label="Value" hint="It can be replaced, and never be read again." error={tried ? valueError : undefined}>
        {(control) => <input {...control} className="input mono" type="password" autoComplete="off" value={value} onChange={(event) => setValue(event.target.value)} required />}
      </Field>
    </FormDialog>
  );
}
