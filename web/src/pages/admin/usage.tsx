// The plan and how much of it is used, as it changes.
import { useQuery } from '@tanstack/react-query';
import { tenantUsage } from '../../api/admin';
import type { UsageItem } from '../../api/types';
import { useMay } from '../../app/rights';
import { useTenant } from '../../app/shell';
import { formatBytes, formatCount, formatTime } from '../../lib/format';
import { useNow } from '../../lib/use-now';
import { useSystem } from '../../state/console';
import { TryAgain } from '../../ui/data-table';
import { ProblemNotice, Waiting } from '../../ui/parts';
import { AdminHead } from './page-head';

/** Without a connection that says more, the usage is asked for again this often. */
const POLL_MS = 10_000;

const GROUPS: { title: string; names: Record<string, string> }[] = [
  { title: 'This month', names: { runs_per_month: 'Runs' } },
  { title: 'Kept', names: { storage_bytes: 'Files', storage_entries: 'Files and directories' } },
  { title: 'At this moment', names: { concurrent_runs: 'Runs at once', memory_bytes: 'Memory', output_bytes: 'Output on its way', open_files: 'Open files', host_threads: 'Threads' } },
  { title: 'Rates', names: { requests_per_minute: 'Requests a minute', runs_per_minute: 'Runs a minute', uploads_per_hour: 'Uploads an hour', workflows_per_hour: 'Workflows an hour' } },
];

export default function UsagePage() {
  const tenant = useTenant();
  const may = useMay();
  const usage = useQuery({ queryKey: ['usage', tenant], queryFn: () => tenantUsage(tenant), refetchInterval: POLL_MS });
  return (
    <div className="stack">
      <AdminHead title="Usage" actions={usage.data && <PlanBadge plan={usage.data.plan} />}>
        What your plan allows, and how much of it is used.
      </AdminHead>
      {usage.isPending && <Waiting />}
      {usage.isError && <ProblemNotice error={usage.error} action={<TryAgain query={usage} />} />}
      {usage.data && (may('console:use') ? <LiveUsage tenant={tenant} items={usage.data.items} /> : <Groups items={usage.data.items} />)}
    </div>
  );
}

function PlanBadge({ plan }: { plan: string }) {
  return (
    <span className="plan">
      Plan <strong>{plan[0]!.toUpperCase() + plan.slice(1)}</strong>
    </span>
  );
}

function LiveUsage({ tenant, items }: { tenant: string; items: readonly UsageItem[] }) {
  const { usage } = useSystem(tenant);
  return <Groups items={usage?.items ?? items} />;
}

function Groups({ items }: { items: readonly UsageItem[] }) {
  const known = new Set(GROUPS.flatMap(({ names }) => Object.keys(names)));
  const others = Object.fromEntries(items.filter(({ name }) => !known.has(name)).map(({ name }) => [name, name.replaceAll('_', ' ')]));
  return (
    <div className="usage-groups">
      {[...GROUPS, { title: 'More', names: others }].map(({ title, names }) => {
        const shown = Object.keys(names).flatMap((name) => items.filter((item) => item.name === name));
        if (shown.length === 0) return null;
        return (
          <section key={title} className="card usage-card" aria-label={title}>
            <h2>{title}</h2>
            <ul>
              {shown.map((item) => (
                <UsageRow key={item.name} item={item} label={names[item.name]!} />
              ))}
            </ul>
          </section>
        );
      })}
    </div>
  );
}

const amount = (name: string, value: number) => (name.endsWith('_bytes') ? formatBytes(value) : formatCount(value));

function UsageRow({ item, label }: { item: UsageItem; label: string }) {
  const now = useNow(1_000);
  const { name, used, limit, state = 'ok', resets_at } = item;
  const percent = item.percent ?? (limit ? Math.floor((used * 100) / limit) : 0);
  const leftS = resets_at === undefined ? 0 : Math.ceil((Date.parse(resets_at) - now) / 1000);
  return (
    <li className="usage-row">
      <div className="row nowrap">
        <span>{label}</span>
        {state === 'near' && <span className="badge warn">{percent} %</span>}
        {state === 'reached' && <span className="badge bad">Used up</span>}
        <span className="grow" />
        <span className="num">
          {amount(name, used)} <span className="muted">{limit === undefined ? 'no limit' : `of ${amount(name, limit)}`}</span>
        </span>
      </div>
      {limit !== undefined && (
        <div className={`meter ${state}`} role="meter" aria-label={label} aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.min(100, percent)} aria-valuetext={`${amount(name, used)} of ${amount(name, limit)}`}>
          <div style={{ width: `${Math.min(100, percent)}%` }} />
        </div>
      )}
      {resets_at !== undefined && used > 0 && leftS > 0 && (
        <p className="hint num">{leftS < 3600 ? `All there again in ${leftS < 90 ? `${leftS} s` : `${Math.ceil(leftS / 60)} min`}` : `Begins anew ${formatTime(resets_at).slice(0, 16)}`}</p>
      )}
    </li>
  );
}
