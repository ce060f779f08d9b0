// What an operator may do to a tenant: another plan, a stop and its end, taking it down. Each wants a reason, which both audits keep.
import { useState } from 'react';
import { changeTenant, eraseTenant, moveTenant } from '../api/endpoints';
import type { Tenant } from '../api/types';
import { FormDialog } from '../ui/form-dialog';
import { Field } from '../ui/parts';
import { useChange } from './admin/use-change';

export const PLANS = ['free', 'starter', 'professional', 'enterprise'];
const DAY_S = 86_400;

export type Change = 'plan' | 'suspend' | 'resume' | 'offboard' | 'erase';

interface Told {
  /** In the menu of a tenant. */
  label: string;
  title: (name: string) => string;
  description: string;
  action: string;
  danger?: boolean;
}

export const CHANGES: Record<Change, Told> = {
  plan: {
    label: 'Change the plan…',
    title: (name) => `Another plan for ${name}`,
    description: 'Its limits hold at once, also for what runs now.',
    action: 'Change the plan',
  },
  suspend: {
    label: 'Suspend…',
    title: (name) => `Suspend ${name}?`,
    description: 'Its runs and sessions end and nothing new starts. Data stays, and its owners may read it.',
    action: 'Suspend',
    danger: true,
  },
  resume: {
    label: 'Resume…',
    title: (name) => `Let ${name} work again?`,
    description: 'Everything is as it was before. Runs that were ended stay ended.',
    action: 'Resume',
  },
  offboard: {
    label: 'Take down…',
    title: (name) => `Take ${name} down?`,
    description: 'It stops now. Its owners can export it for as long as the grace lasts; then all of it is erased. Until then it can be resumed.',
    action: 'Take down',
    danger: true,
  },
  erase: {
    label: 'Erase now…',
    title: (name) => `Erase ${name} now?`,
    description: 'Its records, files, logs and keys are gone at once, and a receipt is kept. There is no way back.',
    action: 'Erase',
    danger: true,
  },
};

/** What can be done with a tenant as it is. */
export function changesOf({ status }: Tenant): Change[] {
  if (status === 'active') return ['plan', 'suspend', 'offboard'];
  if (status === 'suspended') return ['resume', 'plan', 'offboard'];
  return ['resume', 'erase'];
}

export function ChangeDialog({ tenant, change, onClose }: { tenant: Tenant; change: Change; onClose: () => void }) {
  const [reason, setReason] = useState('');
  const [plan, setPlan] = useState(tenant.plan);
  const [graceDays, setGraceDays] = useState('');
  const [confirm, setConfirm] = useState('');
  const [tried, setTried] = useState(false);
  const told = CHANGES[change];
  const reasonError = reason.trim() === '' ? 'Say why: it stands in the audit.' : undefined;
  const graceError = graceDays === '' || /^\d{1,4}$/.test(graceDays) ? undefined : 'Give a number of days.';
  const confirmError = change === 'erase' && confirm !== tenant.slug ? `Type “${tenant.slug}”.` : undefined;
  const act = useChange(
    () => {
      const why = reason.trim();
      if (change === 'plan') return changeTenant(tenant.id, { reason: why, plan });
      if (change === 'erase') return eraseTenant(tenant.id, { reason: why, confirm });
      const grace = change === 'offboard' && graceDays !== '' ? { grace_s: Number(graceDays) * DAY_S } : {};
      return moveTenant(tenant.id, change, { reason: why, ...grace });
    },
    [['tenants']],
    onClose,
  );
  const submit = () => {
    setTried(true);
    if (!reasonError && !graceError && !confirmError) act.mutate(undefined);
  };
  return (
    <FormDialog
      open
      title={told.title(tenant.name)}
      description={told.description}
      action={told.action}
      danger={told.danger ?? false}
      busy={act.isPending}
      error={act.error}
      onSubmit={submit}
      onClose={onClose}
    >
      {change === 'plan' && <PlanField value={plan} onChange={setPlan} />}
      {change === 'offboard' && (
        <Field label="Grace, in days" hint="As configured when empty." error={tried ? graceError : undefined}>
          {(control) => <input {...control} className="input num" inputMode="numeric" value={graceDays} onChange={(event) => setGraceDays(event.target.value.trim())} />}
        </Field>
      )}
      <Field label="Reason" error={tried ? reasonError : undefined}>
        {(control) => <input {...control} className="input" value={reason} maxLength={500} onChange={(event) => setReason(event.target.value)} required />}
      </Field>
      {change === 'erase' && (
        <Field label="Its name in addresses, to confirm" error={tried ? confirmError : undefined}>
          {(control) => <input {...control} className="input mono" value={confirm} spellCheck={false} autoComplete="off" onChange={(event) => setConfirm(event.target.value.trim())} />}
        </Field>
      )}
    </FormDialog>
  );
}

export function PlanField({ value, onChange }: { value: string; onChange: (plan: string) => void }) {
  return (
    <Field label="Plan">
      {(control) => (
        <select {...control} className="input" value={value} onChange={(event) => onChange(event.target.value)}>
          {PLANS.map((plan) => (
            <option key={plan} value={plan}>
              {plan[0]!.toUpperCase() + plan.slice(1)}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}
