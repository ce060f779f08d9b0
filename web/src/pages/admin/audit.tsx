// The audit: who did or wanted to do what. Filters in the URL, pages by cursor, new records as they come, exports.
import { useMutation } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { DropdownMenu } from 'radix-ui';
import { useEffect, useState } from 'react';
import { exportAudit } from '../../api/admin';
import { AUDIT_OUTCOMES, type AuditFilter, type AuditRecord } from '../../api/admin-types';
import { useTenant } from '../../app/shell';
import { saveAnswer } from '../../lib/download';
import { formatCount, formatTime } from '../../lib/format';
import { DataTable, PagedList, type Column } from '../../ui/data-table';
import { DialogFrame } from '../../ui/form-dialog';
import { DownloadIcon, LogsIcon } from '../../ui/icons';
import { LiveBadge } from '../../ui/log-view';
import { CopyButton, Empty, ProblemNotice } from '../../ui/parts';
import { TimeFilter } from '../logs/time-filter';
import { AdminHead } from './page-head';
import { Person } from './person';
import { useAudit } from './use-audit';
import { usePeople } from './use-people';

const TONES: Record<string, string> = { done: 'ok', failed: 'warn', denied: 'bad' };
/** Typing is over when nothing was typed for so long. */
const SETTLE_MS = 350;

export default function AuditPage() {
  const tenant = useTenant();
  const filter: AuditFilter = useSearch({ from: '/t/$tenant/admin/audit' });
  const navigate = useNavigate({ from: '/t/$tenant/admin/audit' });
  const { list, records, live, problem } = useAudit(tenant, filter);
  const nameOf = usePeople(tenant);
  const [open, setOpen] = useState<AuditRecord>();
  const change = (part: AuditFilter) => {
    const given = Object.entries({ ...filter, ...part }).filter(([, value]) => value !== undefined && value !== '');
    void navigate({ search: Object.fromEntries(given), replace: true });
  };
  const filtered = Object.keys(filter).length > 0;
  const columns: Column<AuditRecord>[] = [
    { header: 'Time', cell: ({ time }) => <span className="num nowrap">{formatTime(time)}</span> },
    {
      header: 'Action',
      kind: 'name',
      cell: (record) => (
        <button type="button" className="link-button mono truncate" aria-label={`${record.action} on ${record.resource}, record ${record.seq}`} onClick={() => setOpen(record)}>
          {record.action}
        </button>
      ),
    },
    { header: 'Resource', cell: ({ resource }) => <code className="clip" title={resource}>{resource}</code> },
    { header: 'Outcome', cell: (record) => <Outcome record={record} /> },
    {
      header: 'Actor',
      cell: ({ actor }) => (
        <button type="button" className="link-button" aria-label={`Only of ${nameOf(actor) ?? actor}`} onClick={() => change({ actor })}>
          <Person id={actor} nameOf={nameOf} />
        </button>
      ),
    },
    { header: 'Address', wideOnly: true, cell: ({ address }) => <code className="muted">{address ?? '–'}</code> },
  ];
  return (
    <div className="stack">
      <AdminHead title="Audit" actions={<Export tenant={tenant} filter={filter} />}>
        Every change, every run and every refusal; nothing of it can be changed unseen.
      </AdminHead>
      <div className="filter-row">
        <TextFilter label="Action" placeholder="run:create, member:*" value={filter.action} onChange={(action) => change({ action })} />
        <TextFilter label="Resource" placeholder="any part of it" value={filter.resource} onChange={(resource) => change({ resource })} />
        <TextFilter label="Actor" placeholder="usr_…, key_…, host" value={filter.actor} onChange={(actor) => change({ actor })} />
        <select className="input small auto" aria-label="Outcome" value={filter.outcome ?? ''} onChange={(event) => change({ outcome: event.target.value })}>
          <option value="">Any outcome</option>
          {AUDIT_OUTCOMES.map((outcome) => (
            <option key={outcome} value={outcome}>
              {outcome[0]!.toUpperCase() + outcome.slice(1)}
            </option>
          ))}
        </select>
        <TimeFilter from={filter.from} to={filter.to} onChange={change} />
        {filtered && (
          <button type="button" className="button small quiet" onClick={() => void navigate({ search: {}, replace: true })}>
            Clear
          </button>
        )}
        <span className="grow" />
        {live && <LiveBadge state={live} />}
      </div>
      {problem && <ProblemNotice error={problem} />}
      <PagedList
        list={{ ...list, items: records }}
        more="Older records"
        empty={
          <Empty icon={<LogsIcon size={26} />} title={filtered ? 'No record matches' : 'Nothing is recorded yet'}>
            {filtered ? 'New records that match appear here as they are written.' : 'Changes, runs and refusals appear here.'}
          </Empty>
        }
      >
        <DataTable label="Audit records" dense columns={columns} rows={records} rowKey={({ seq }) => String(seq)} />
      </PagedList>
      {open && <RecordDialog record={open} onClose={() => setOpen(undefined)} />}
    </div>
  );
}

function Outcome({ record: { outcome, times } }: { record: AuditRecord }) {
  return (
    <span className="row nowrap">
      <span className={`badge ${TONES[outcome] ?? ''}`}>{outcome[0]!.toUpperCase() + outcome.slice(1)}</span>
      {times > 1 && <span className="muted num">×{formatCount(times)}</span>}
    </span>
  );
}

interface TextFilterProps {
  label: string;
  placeholder: string;
  value: string | undefined;
  onChange: (value: string | undefined) => void;
}

function TextFilter({ label, placeholder, value, onChange }: TextFilterProps) {
  const [text, setText] = useState(value ?? '');
  useEffect(() => setText(value ?? ''), [value]);
  useEffect(() => {
    if (text === (value ?? '')) return;
    const timer = setTimeout(() => onChange(text.trim() || undefined), SETTLE_MS);
    return () => clearTimeout(timer);
  }, [text]);
  return <input className="input small mono" aria-label={label} placeholder={`${label}: ${placeholder}`} spellCheck={false} value={text} onChange={(event) => setText(event.target.value)} />;
}

function Export({ tenant, filter }: { tenant: string; filter: AuditFilter }) {
  const save = useMutation({
    mutationFn: async (format: 'csv' | 'jsonl') => saveAnswer(await exportAudit(tenant, filter, format), `${tenant}-audit.${format}`),
  });
  return (
    <>
      <DropdownMenu.Root modal={false}>
        <DropdownMenu.Trigger className="button small" disabled={save.isPending}>
          <DownloadIcon size={15} /> {save.isPending ? 'Exporting…' : 'Export'}
        </DropdownMenu.Trigger>
        <DropdownMenu.Portal>
          <DropdownMenu.Content className="menu" align="end" sideOffset={6}>
            <DropdownMenu.Label className="menu-label">What the filters let through</DropdownMenu.Label>
            <DropdownMenu.Item className="menu-item" onSelect={() => save.mutate('csv')}>
              CSV, for a spreadsheet
            </DropdownMenu.Item>
            <DropdownMenu.Item className="menu-item" onSelect={() => save.mutate('jsonl')}>
              JSON lines
            </DropdownMenu.Item>
          </DropdownMenu.Content>
        </DropdownMenu.Portal>
      </DropdownMenu.Root>
      {save.error && <ProblemNotice error={save.error} />}
    </>
  );
}

function RecordDialog({ record, onClose }: { record: AuditRecord; onClose: () => void }) {
  const facts: [string, string | undefined][] = [
    ['Record', String(record.seq)],
    ['Time', record.time],
    ['Actor', record.actor],
    ['Session', record.session],
    ['Resource', record.resource],
    ['Code', record.code],
    ['Detail', record.detail],
    ['Address', record.address],
    ['Request', record.request],
    ['Times', record.times > 1 ? formatCount(record.times) : undefined],
    ['Hash', record.hash],
    ['Previous', record.previous],
  ];
  return (
    <DialogFrame open wide title={record.action} description={<Outcome record={record} />} onClose={onClose}>
      <dl className="facts-list">
        {facts.map(([name, value]) =>
          value === undefined ? null : (
            <div key={name} className="facts-pair">
              <dt>{name}</dt>
              <dd>
                <code>{value}</code>
              </dd>
            </div>
          ),
        )}
      </dl>
      <div className="row dialog-actions">
        <CopyButton text={JSON.stringify(record, null, 2)} label="Copy the record as JSON" />
        <span className="grow" />
        <button type="button" className="button" onClick={onClose}>
          Close
        </button>
      </div>
    </DialogFrame>
  );
}
