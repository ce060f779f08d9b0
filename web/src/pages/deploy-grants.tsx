// What a command may see: directories, places on the network, secrets.
import { useQuery } from '@tanstack/react-query';
import { listSecrets } from '../api/admin';
import type { Access, DirectoryGrant } from '../api/types';
import { useMay } from '../app/rights';
import { CrossIcon, PlusIcon } from '../ui/icons';
import { Field } from '../ui/parts';
import type { NetworkField, SecretField } from './deploy-draft';

interface GrantListProps<T> {
  legend: string;
  hint: string | undefined;
  /** Of the button that adds one. */
  add: string;
  list: readonly T[];
  fresh: () => T;
  /** For the button that takes it back. */
  nameOf: (grant: T) => string;
  error: string | undefined;
  onChange: (list: T[]) => void;
  children: (grant: T, change: (part: Partial<T>) => void) => React.ReactNode;
}

/** Grants of one kind, one a row. */
function GrantList<T>({ legend, hint, add, list, fresh, nameOf, error, onChange, children }: GrantListProps<T>) {
  const change = (index: number, part: Partial<T>) => onChange(list.map((grant, at) => (at === index ? { ...grant, ...part } : grant)));
  return (
    <fieldset className="grants">
      <legend>{legend}</legend>
      {hint && <p className="hint">{hint}</p>}
      {list.map((grant, index) => (
        <div key={index} className="grant">
          {children(grant, (part) => change(index, part))}
          <button type="button" className="button small icon quiet" aria-label={`Take back ${nameOf(grant)}`} onClick={() => onChange(list.filter((_, at) => at !== index))}>
            <CrossIcon size={16} />
          </button>
        </div>
      ))}
      {error && <p className="field-error">{error}</p>}
      <button type="button" className="button small" onClick={() => onChange([...list, fresh()])}>
        <PlusIcon size={14} /> {add}
      </button>
    </fieldset>
  );
}

interface TextProps {
  label: string;
  value: string;
  placeholder?: string;
  className?: string;
  list?: string;
  onChange: (value: string) => void;
}

function Text({ label, value, placeholder, className, list, onChange }: TextProps) {
  return (
    <Field label={label} {...(className ? { className } : {})}>
      {(control) => <input {...control} className="input mono small" spellCheck={false} autoComplete="off" placeholder={placeholder} list={list} value={value} onChange={(event) => onChange(event.target.value)} />}
    </Field>
  );
}

interface GrantsProps<T> {
  list: T[];
  error: string | undefined;
  /** The module uses such things. */
  wanted: boolean;
  onChange: (list: T[]) => void;
}

export function Directories({ list, error, wanted, onChange }: GrantsProps<DirectoryGrant>) {
  return (
    <GrantList
      legend="Directories"
      hint={list.length > 0 ? undefined : wanted ? 'It sees none. It uses files, so you may want to grant one.' : 'It sees none.'}
      add="Grant a directory"
      list={list}
      fresh={(): DirectoryGrant => ({ path: '/', guest: list.length === 0 ? '/' : `/data${list.length + 1}`, access: 'read_only' })}
      nameOf={({ path }) => `the directory ${path}`}
      error={error}
      onChange={onChange}
    >
      {(grant, change) => (
        <>
          <Text label="Of the tenant" value={grant.path} onChange={(path) => change({ path })} />
          <Text label="Seen as" value={grant.guest} onChange={(guest) => change({ guest })} />
          <Field label="Access">
            {(control) => (
              <select {...control} className="input small" value={grant.access} onChange={(event) => change({ access: event.target.value as Access })}>
                <option value="read_only">Read only</option>
                <option value="read_write">Read and write</option>
              </select>
            )}
          </Field>
        </>
      )}
    </GrantList>
  );
}

export function Network({ list, error, wanted, onChange }: GrantsProps<NetworkField>) {
  return (
    <GrantList
      legend="Network"
      hint={list.length > 0 ? undefined : wanted ? 'It reaches nothing. It uses the network, so you may want to grant a place.' : 'It reaches nothing.'}
      add="Grant a place"
      list={list}
      fresh={() => ({ host: '', port: '443' })}
      nameOf={({ host }) => `the place ${host}`}
      error={error}
      onChange={onChange}
    >
      {(grant, change) => (
        <>
          <Text label="Host" className="two-columns" value={grant.host} placeholder="api.example.com, *.example.com" onChange={(host) => change({ host })} />
          <Text label="Port" value={grant.port} onChange={(port) => change({ port })} />
        </>
      )}
    </GrantList>
  );
}

interface SecretsProps extends Omit<GrantsProps<SecretField>, 'wanted'> {
  tenant: string;
}

export function Secrets({ tenant, list, error, onChange }: SecretsProps) {
  const may = useMay();
  const known = useQuery({ queryKey: ['secret-names', tenant], queryFn: () => listSecrets(tenant), enabled: may('secret:read') && list.length > 0 });
  return (
    <>
      <datalist id="secret-names">
        {known.data?.items.map(({ name }) => (
          <option key={name} value={name} />
        ))}
      </datalist>
      <GrantList
        legend="Secrets"
        hint={list.length > 0 ? undefined : 'It gets none.'}
        add="Grant a secret"
        list={list}
        fresh={(): SecretField => ({ name: '', as: 'env', env: '', host: '', port: '443', header: 'authorization', prefix: 'Bearer ' })}
        nameOf={({ name }) => `the secret ${name}`}
        error={error}
        onChange={onChange}
      >
        {(grant, change) => (
          <>
            <Text label="Secret" value={grant.name} list="secret-names" onChange={(name) => change({ name })} />
            <Field label="Given as">
              {(control) => (
                <select {...control} className="input small" value={grant.as} onChange={(event) => change({ as: event.target.value as SecretField['as'] })}>
                  <option value="env">Variable</option>
                  <option value="header">Header of requests</option>
                </select>
              )}
            </Field>
            {grant.as === 'env' ? (
              <Text label="Variable" value={grant.env} placeholder="API_TOKEN" onChange={(env) => change({ env })} />
            ) : (
              <>
                <Text label="Header" value={grant.header} onChange={(header) => change({ header })} />
                <Text label="To host" value={grant.host} placeholder="api.example.com" onChange={(host) => change({ host })} />
                <Text label="Port" value={grant.port} onChange={(port) => change({ port })} />
                <Text label="Before it" value={grant.prefix} onChange={(prefix) => change({ prefix })} />
              </>
            )}
          </>
        )}
      </GrantList>
    </>
  );
}
