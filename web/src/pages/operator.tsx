// The operator's page: the tenants of this host, and making a new one with its owner's invitation.
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { createTenant, listTenants } from '../api/endpoints';
import type { CreatedTenant, CreateTenant, Tenant } from '../api/types';
import { Frame, NotFound, usePrincipal, useTitle } from '../app/shell';
import { formatTime } from '../lib/format';
import '../styles/admin.css';
import { DataTable, PagedList, usePages, type Column } from '../ui/data-table';
import { ShownOnce } from '../ui/form-dialog';
import { TenantsIcon } from '../ui/icons';
import { Empty, Field, ProblemNotice } from '../ui/parts';
import { RowMenu } from '../ui/row-menu';
import { ChangeDialog, CHANGES, changesOf, PlanField, type Change } from './operator-change';

const SLUG = /^[a-z][a-z0-9-]{1,39}$/;

export default function OperatorPage() {
  const principal = usePrincipal();
  useTitle('Tenants');
  if (!principal.operator) return <NotFound />;
  return (
    <Frame>
      <main className="page" id="content" tabIndex={-1}>
        <div className="page-head">
          <h1>Tenants</h1>
        </div>
        <div className="operator">
          <NewTenant />
          <TenantList />
        </div>
      </main>
    </Frame>
  );
}

function slugOf(name: string): string {
  return name
    .toLowerCase()
    .normalize('NFKD')
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^[^a-z]+|-+$/g, '')
    .slice(0, 40);
}

function NewTenant() {
  const queries = useQueryClient();
  const empty = { slug: '', name: '', plan: 'free', owner_email: '' };
  const [draft, setDraft] = useState<CreateTenant>(empty);
  const [ownSlug, setOwnSlug] = useState(false);
  const [tried, setTried] = useState(false);
  const [created, setCreated] = useState<CreatedTenant>();
  const slug = ownSlug ? draft.slug : slugOf(draft.name);
  const slugError = SLUG.test(slug) ? undefined : 'Use 2 to 40 of a–z, 0–9 and “-”, beginning with a letter.';
  const nameError = draft.name.trim() === '' ? 'Give the tenant a name.' : undefined;
  const mailError = /^\S+@\S+$/.test(draft.owner_email.trim()) ? undefined : 'Give the owner’s e-mail address.';
  const save = useMutation({
    mutationFn: () => createTenant({ ...draft, name: draft.name.trim(), owner_email: draft.owner_email.trim(), slug }),
    onSuccess: (answer) => {
      setCreated(answer);
      setDraft(empty);
      setOwnSlug(false);
      setTried(false);
      void queries.invalidateQueries({ queryKey: ['tenants'] });
    },
  });
  const submit = (event: React.FormEvent) => {
    event.preventDefault();
    setTried(true);
    if (!slugError && !nameError && !mailError) save.mutate();
  };
  return (
    <section className="card pad" aria-label="New tenant">
      <form className="form" onSubmit={submit} noValidate>
        <h2>New tenant</h2>
        <Field label="Name" error={tried ? nameError : undefined}>
          {(control) => <input {...control} className="input" value={draft.name} onChange={(event) => setDraft({ ...draft, name: event.target.value })} required />}
        </Field>
        <Field label="Name in addresses" hint="Part of every URL; it cannot be changed later." error={tried ? slugError : undefined}>
          {(control) => (
            <input
              {...control}
              className="input mono"
              value={slug}
              spellCheck={false}
              onChange={(event) => {
                setOwnSlug(true);
                setDraft({ ...draft, slug: event.target.value });
              }}
              required
            />
          )}
        </Field>
        <PlanField value={draft.plan} onChange={(plan) => setDraft({ ...draft, plan })} />
        <Field label="Owner’s e-mail" error={tried ? mailError : undefined}>
          {(control) => <input {...control} className="input" type="email" value={draft.owner_email} onChange={(event) => setDraft({ ...draft, owner_email: event.target.value })} required />}
        </Field>
        {save.error && <ProblemNotice error={save.error} />}
        <button type="submit" className="button primary" disabled={save.isPending}>
          {save.isPending ? 'Creating…' : 'Create the tenant'}
        </button>
      </form>
      {created && (
        <ShownOnce title={`${created.tenant.name} is ready`} value={created.owner_link} copyLabel="Copy the link" testId="owner-link">
          Send this link to the owner. It works once and is shown only now.
        </ShownOnce>
      )}
    </section>
  );
}

const COLUMNS: Column<Tenant>[] = [
  { header: 'Tenant', kind: 'name', cell: ({ name }) => name },
  { header: 'Address', cell: ({ slug }) => <code>{slug}</code> },
  { header: 'Plan', cell: ({ plan }) => plan },
  { header: 'Status', cell: (tenant) => <Status tenant={tenant} /> },
  { header: 'Created', wideOnly: true, cell: ({ created_at }) => <span className="muted num">{formatTime(created_at)}</span> },
];

function TenantList() {
  const tenants = usePages(['tenants'], listTenants);
  const [changing, setChanging] = useState<{ tenant: Tenant; change: Change }>();
  const actions: Column<Tenant> = {
    header: 'Actions',
    kind: 'actions',
    cell: (tenant) => (
      <RowMenu
        label={`Change ${tenant.name}`}
        actions={changesOf(tenant).map((change) => ({
          label: CHANGES[change].label,
          danger: CHANGES[change].danger ?? false,
          onSelect: () => setChanging({ tenant, change }),
        }))}
      />
    ),
  };
  return (
    <section aria-label="All tenants">
      <PagedList
        list={tenants}
        more="More tenants"
        empty={
          <Empty icon={<TenantsIcon size={26} />} title="No tenants yet">
            Create the first one. Its owner gets a one-time link to sign in.
          </Empty>
        }
      >
        <DataTable label="All tenants" columns={[...COLUMNS, actions]} rows={tenants.items} rowKey={({ id }) => id} />
      </PagedList>
      {changing && <ChangeDialog {...changing} onClose={() => setChanging(undefined)} />}
    </section>
  );
}

/** Why it is not active, and until when, stands below. */
function Status({ tenant: { status, status_reason, erase_at } }: { tenant: Tenant }) {
  return (
    <span className="two-lines">
      <span className={`badge ${status === 'active' ? 'ok' : 'warn'}`}>{status}</span>
      {status_reason && <span className="muted truncate">{status_reason}</span>}
      {erase_at && <span className="muted num">To be erased {formatTime(erase_at)}</span>}
    </span>
  );
}
