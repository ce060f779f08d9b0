// What a command is: its version, module, limits and grants, its history with a way back, and its removal.
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { deleteDeployment, getDeployment, rollback } from '../api/endpoints';
import type { Deployment, DeploymentVersion, SecretGrant } from '../api/types';
import { useMay } from '../app/rights';
import { formatAgo, formatBytes, formatCount, formatMicros, formatTime, shortDigest } from '../lib/format';
import { useNow } from '../lib/use-now';
import { TrashIcon } from '../ui/icons';
import { ConfirmDialog, ProblemNotice } from '../ui/parts';

export function CommandHeader({ tenant, deployment }: { tenant: string; deployment: Deployment }) {
  const { active } = deployment;
  const [removing, setRemoving] = useState(false);
  const canWrite = useMay()('deployment:write');
  const navigate = useNavigate();
  const queries = useQueryClient();
  const remove = useMutation({
    mutationFn: () => deleteDeployment(tenant, deployment.name),
    onSuccess: async () => {
      setRemoving(false);
      await navigate({ to: '/t/$tenant/commands', params: { tenant }, search: {} });
      await queries.invalidateQueries({ queryKey: ['deployments', tenant] });
    },
  });
  return (
    <header className="command-head">
      <div className="row spread nowrap">
        <h2 className="mono truncate">{deployment.name}</h2>
        <span className="tag">v{deployment.version}</span>
        <span className="grow" />
        {canWrite && (
          <button type="button" className="button small icon quiet" aria-label={`Remove the command ${deployment.name}`} title="Remove" onClick={() => setRemoving(true)}>
            <TrashIcon size={16} />
          </button>
        )}
      </div>
      {active.description && <p className="muted">{active.description}</p>}
      <details className="disclosure">
        <summary>What it may see and use</summary>
        <VersionFacts tenant={tenant} version={active} />
        <History tenant={tenant} name={deployment.name} active={deployment.version} canWrite={canWrite} />
      </details>
      <ConfirmDialog
        open={removing}
        title={`Remove “${deployment.name}”?`}
        action="Remove the command"
        busy={remove.isPending}
        error={remove.error}
        onConfirm={() => remove.mutate()}
        onClose={() => setRemoving(false)}
      >
        Nobody can run it any more. Its module, its past runs and their log stay.
      </ConfirmDialog>
    </header>
  );
}

export function limitsText(version: DeploymentVersion): string[] {
  const { fuel, cpu_ms, wall_ms, memory_bytes, output_bytes } = version.limits;
  return [
    wall_ms !== undefined && `wall time ${formatMicros(wall_ms * 1000)}`,
    cpu_ms !== undefined && `CPU time ${formatMicros(cpu_ms * 1000)}`,
    memory_bytes !== undefined && `memory ${formatBytes(memory_bytes)}`,
    output_bytes !== undefined && `output ${formatBytes(output_bytes)}`,
    fuel !== undefined && `fuel ${formatCount(fuel)}`,
  ].filter((text) => text !== false);
}

const secretText = ({ name, as }: SecretGrant): string => ('env' in as ? `${name} as ${as.env}` : `${name} to ${as.header.host}:${as.header.port}`);

function VersionFacts({ tenant, version }: { tenant: string; version: DeploymentVersion }) {
  const { directories, env, network, secrets } = version.grants;
  const limits = limitsText(version);
  return (
    <dl className="facts-list">
      <dt>Module</dt>
      <dd>
        <Link to="/t/$tenant/modules" params={{ tenant }} search={{ digest: version.module }} className="mono">
          {shortDigest(version.module)}
        </Link>
      </dd>
      <dt>Limits</dt>
      <dd>{limits.length > 0 ? limits.join(', ') : 'those of the plan'}</dd>
      <dt>Directories</dt>
      <dd>
        {directories.length === 0
          ? 'none'
          : directories.map((grant) => (
              <div key={grant.guest}>
                <code>{grant.path}</code> as <code>{grant.guest}</code>, {grant.access === 'read_only' ? 'read only' : 'read and write'}
              </div>
            ))}
      </dd>
      <dt>Environment</dt>
      <dd className="mono">{Object.keys(env).join(', ') || 'none'}</dd>
      <dt>Network</dt>
      <dd className="mono">{network.map(({ host, port }) => `${host}:${port}`).join(', ') || 'none'}</dd>
      <dt>Secrets</dt>
      <dd className="mono">{secrets.map(secretText).join(', ') || 'none'}</dd>
    </dl>
  );
}

function History({ tenant, name, active, canWrite }: { tenant: string; name: string; active: number; canWrite: boolean }) {
  const now = useNow(60_000);
  const queries = useQueryClient();
  const full = useQuery({ queryKey: ['deployment', tenant, name, active], queryFn: () => getDeployment(tenant, name) });
  const back = useMutation({
    mutationFn: (version: number) => rollback(tenant, name, version),
    onSuccess: () => queries.invalidateQueries({ queryKey: ['deployments', tenant] }),
  });
  const older = (full.data?.history ?? []).filter((version) => version.version !== active);
  if (full.isError) return <ProblemNotice error={full.error} />;
  if (older.length === 0) return null;
  return (
    <div className="history">
      <h3>Earlier versions</h3>
      {back.error && <ProblemNotice error={back.error} />}
      <ul>
        {older.slice(0, 10).map((version) => (
          <li key={version.version} className="row">
            <span className="tag">v{version.version}</span>
            <code>{shortDigest(version.module)}</code>
            <span className="muted grow truncate" title={formatTime(version.created_at)}>
              {formatAgo(version.created_at, now)}
            </span>
            {canWrite && (
              <button type="button" className="button small" disabled={back.isPending} onClick={() => back.mutate(version.version)}>
                Roll back to this
              </button>
            )}
          </li>
        ))}
      </ul>
    </div>
  );
}
