// Making a module a command: its name, what it may see, its limits.
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { deploy } from '../api/endpoints';
import type { Deploy, Deployment, Module } from '../api/types';
import { Field, ProblemNotice } from '../ui/parts';
import { checkDraft, suggestName, type Draft, type LimitFields } from './deploy-draft';
import { Directories, Network, Secrets } from './deploy-grants';

export function DeployForm({ tenant, module, existing }: { tenant: string; module: Module; existing: Deployment[] }) {
  const queries = useQueryClient();
  const navigate = useNavigate();
  const [draft, setDraft] = useState<Draft>(() => ({
    name: suggestName(module.name),
    description: '',
    directories: [],
    network: [],
    secrets: [],
    env: '',
    limits: { wall: '', cpu: '', memory: '', output: '', fuel: '' },
  }));
  const [tried, setTried] = useState(false);
  const checked = checkDraft(draft, module);
  const errors = tried && !checked.ok ? checked.errors : {};
  const before = existing.find(({ name }) => name === draft.name);
  const save = useMutation({
    mutationFn: (body: Deploy) => deploy(tenant, draft.name, body),
    onSuccess: async (deployment) => {
      await queries.invalidateQueries({ queryKey: ['deployments', tenant] });
      await navigate({ to: '/t/$tenant/commands', params: { tenant }, search: { command: deployment.name } });
    },
  });
  const set = (part: Partial<Draft>) => setDraft((current) => ({ ...current, ...part }));
  const submit = (event: React.FormEvent) => {
    event.preventDefault();
    setTried(true);
    if (checked.ok) save.mutate(checked.body);
  };
  return (
    <form className="form deploy" onSubmit={submit} noValidate aria-label="Deploy as a command">
      <h3>Deploy as a command</h3>
      <Field label="Name" hint={before ? `Replaces version ${before.version} of “${before.name}”. You can roll back.` : 'What people type to run it.'} error={errors.name}>
        {(control) => <input {...control} className="input mono" value={draft.name} onChange={(event) => set({ name: event.target.value })} autoComplete="off" spellCheck={false} required />}
      </Field>
      <Field label="Description (optional)">
        {(control) => <input {...control} className="input" value={draft.description} onChange={(event) => set({ description: event.target.value })} />}
      </Field>
      <Directories list={draft.directories} error={errors.directories} wanted={module.needs.includes('filesystem')} onChange={(directories) => set({ directories })} />
      <Network list={draft.network} error={errors.network} wanted={module.needs.some((need) => need === 'network' || need === 'http')} onChange={(network) => set({ network })} />
      <Secrets tenant={tenant} list={draft.secrets} error={errors.secrets} onChange={(secrets) => set({ secrets })} />
      <details className="disclosure" open={Boolean(errors.env) || undefined}>
        <summary>Environment</summary>
        <Field label="Variables of every run" hint="NAME=value, one a line." error={errors.env}>
          {(control) => <textarea {...control} className="input mono" rows={3} spellCheck={false} value={draft.env} onChange={(event) => set({ env: event.target.value })} />}
        </Field>
      </details>
      <LimitsFields limits={draft.limits} errors={errors} onChange={(limits) => set({ limits })} />
      {save.error && <ProblemNotice error={save.error} />}
      <button type="submit" className="button primary" disabled={save.isPending}>
        {save.isPending ? 'Deploying…' : before ? `Deploy version ${before.version + 1}` : 'Deploy'}
      </button>
    </form>
  );
}

const LIMITS: { key: keyof LimitFields; label: string; example: string }[] = [
  { key: 'wall', label: 'Wall time', example: '10 s' },
  { key: 'cpu', label: 'CPU time', example: '500 ms' },
  { key: 'memory', label: 'Memory', example: '64 MiB' },
  { key: 'output', label: 'Output', example: '1 MiB' },
  { key: 'fuel', label: 'Fuel (instructions)', example: '1000000000' },
];

function LimitsFields({ limits, errors, onChange }: { limits: LimitFields; errors: Partial<Record<string, string>>; onChange: (limits: LimitFields) => void }) {
  return (
    <details className="disclosure" open={LIMITS.some(({ key }) => errors[key]) || undefined}>
      <summary>Limits of a run</summary>
      <p className="hint">An empty one takes the value of your plan; it can only be made tighter.</p>
      <div className="limits">
        {LIMITS.map(({ key, label, example }) => (
          <Field key={key} label={label} error={errors[key]}>
            {(control) => <input {...control} className="input small num" placeholder={example} value={limits[key]} onChange={(event) => onChange({ ...limits, [key]: event.target.value })} />}
          </Field>
        ))}
      </div>
    </details>
  );
}
