// One module: what it is, what it imports, what that means it needs, where it is deployed.
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { deleteModule, listDeployments } from '../api/endpoints';
import type { Module } from '../api/types';
import { useMay } from '../app/rights';
import { formatBytes, formatTime } from '../lib/format';
import { CrossIcon, TrashIcon } from '../ui/icons';
import { ConfirmDialog, CopyButton } from '../ui/parts';
import { DeployForm } from './deploy-form';
import { kindText } from './modules';

/** What each need means for whoever decides on grants. */
const NEEDS: Record<string, string> = {
  filesystem: 'can use directories, once they are granted',
  network: 'can open connections, once destinations are granted',
  http: 'can make HTTP requests, once destinations are granted',
  clock: 'reads the time',
  random: 'uses random numbers',
  environment: 'reads arguments and environment',
  stdin: 'reads standard input',
  stdout: 'writes output',
};

export function ModuleDetails({ tenant, module, onClose }: { tenant: string; module: Module; onClose: () => void }) {
  const queries = useQueryClient();
  const [removing, setRemoving] = useState(false);
  const may = useMay();
  const deployments = useQuery({ queryKey: ['deployments', tenant], queryFn: () => listDeployments(tenant) });
  const users = (deployments.data?.items ?? []).filter(({ active }) => active.module === module.digest);
  const remove = useMutation({
    mutationFn: () => deleteModule(tenant, module.digest),
    onSuccess: async () => {
      setRemoving(false);
      onClose();
      await queries.invalidateQueries({ queryKey: ['modules', tenant] });
    },
  });
  return (
    <section className="card module" aria-label={`Module ${module.name}`} data-testid="module">
      <header className="module-head">
        <h2 className="mono truncate">{module.name}</h2>
        <span className="grow" />
        {may('module:delete') && (
          <button type="button" className="button small icon quiet" aria-label="Remove this module" title="Remove" onClick={() => setRemoving(true)}>
            <TrashIcon size={16} />
          </button>
        )}
        <button type="button" className="button small icon quiet" aria-label="Close the details" title="Close" onClick={onClose}>
          <CrossIcon size={16} />
        </button>
      </header>
      <div className="module-body">
        <div className="stack">
          <dl className="facts-list">
            <dt>Digest</dt>
            <dd className="row nowrap digest">
              <code>{module.digest}</code>
              <CopyButton text={module.digest} label="Copy the digest" />
            </dd>
            <dt>Size</dt>
            <dd className="num">{formatBytes(module.size_bytes)}</dd>
            <dt>Kind</dt>
            <dd>{kindText(module)}</dd>
            <dt>Uploaded</dt>
            <dd className="num">{formatTime(module.created_at)}</dd>
            <dt>Used by</dt>
            <dd>
              {users.length === 0
                ? 'no command'
                : users.map(({ name }, index) => (
                    <span key={name}>
                      {index > 0 && ', '}
                      <Link to="/t/$tenant/commands" params={{ tenant }} search={{ command: name }} className="mono">
                        {name}
                      </Link>
                    </span>
                  ))}
            </dd>
          </dl>
          <div>
            <h3>What it needs</h3>
            {module.needs.length === 0 ? (
              <p className="muted">Nothing from outside.</p>
            ) : (
              <ul className="needs">
                {module.needs.map((need) => (
                  <li key={need}>
                    <span className="need">{need}</span> <span className="muted">{NEEDS[need] ?? ''}</span>
                  </li>
                ))}
              </ul>
            )}
          </div>
          <details className="disclosure">
            <summary>
              {module.imports.length} {module.imports.length === 1 ? 'import' : 'imports'}
            </summary>
            <ul className="imports mono" tabIndex={0} role="region" aria-label="Imports">
              {module.imports.map((name) => (
                <li key={name}>{name}</li>
              ))}
            </ul>
          </details>
        </div>
        {may('deployment:write') && <DeployForm tenant={tenant} module={module} existing={deployments.data?.items ?? []} />}
      </div>
      <ConfirmDialog
        open={removing}
        title={`Remove the module “${module.name}”?`}
        action="Remove the module"
        busy={remove.isPending}
        error={remove.error}
        onConfirm={() => remove.mutate()}
        onClose={() => setRemoving(false)}
      >
        Its binary is deleted. Commands cannot be rolled back to it any more. A module that an active command uses is kept.
      </ConfirmDialog>
    </section>
  );
}
