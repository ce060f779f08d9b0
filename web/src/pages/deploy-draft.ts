// The deploy form's content before it is sent: defaults, checks, and the request it becomes.
import type { Deploy, DirectoryGrant, Limits, Module, NetworkGrant, SecretGrant } from '../api/types';
import { parseBytes, parseEnv, parseMillis } from '../lib/format';

const NAME = /^[a-z0-9._-]{1,64}$/;

export interface LimitFields {
  wall: string;
  cpu: string;
  memory: string;
  output: string;
  fuel: string;
}

/** As it is typed. */
export interface NetworkField {
  host: string;
  port: string;
}

/** Of what is not chosen by `as`, nothing is sent. */
export interface SecretField {
  name: string;
  as: 'env' | 'header';
  env: string;
  host: string;
  port: string;
  header: string;
  prefix: string;
}

export interface Draft {
  name: string;
  description: string;
  directories: DirectoryGrant[];
  network: NetworkField[];
  secrets: SecretField[];
  env: string;
  limits: LimitFields;
}

/** `My Tool-1.0.wasm` to `my-tool-1.0`: a name that the host takes. */
export function suggestName(file: string): string {
  return file
    .replace(/\.wasm$/i, '')
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, '-')
    .replace(/^[-.]+|[-.]+$/g, '')
    .slice(0, 64);
}

export type Checked = { ok: true; body: Deploy } | { ok: false; errors: Partial<Record<string, string>> };

/** Checks as the host would, but for all fields at once. */
export function checkDraft(draft: Draft, module: Module): Checked {
  const errors: Partial<Record<string, string>> = {};
  if (!NAME.test(draft.name)) errors.name = 'Use 1 to 64 of a–z, 0–9, “.”, “_” and “-”.';
  for (const { guest, path } of draft.directories) {
    if (!guest.startsWith('/') || !path.startsWith('/')) errors.directories = 'Both paths begin with a slash.';
  }
  if (new Set(draft.directories.map(({ guest }) => guest)).size < draft.directories.length) {
    errors.directories = 'Two directories cannot appear at the same place.';
  }
  const network: NetworkGrant[] = draft.network.map(({ host, port }) => ({ host: host.trim(), port: parsePort(port) }));
  if (network.some(({ host }) => !HOST.test(host))) errors.network = 'A host is a name, *. and a name, or an address; without https://.';
  else if (network.some(({ port }) => Number.isNaN(port))) errors.network = PORT_HELP;
  const secrets = draft.secrets.map(toSecretGrant);
  errors.secrets = draft.secrets.map(secretError).find((error) => error !== undefined);
  if (errors.secrets === undefined) delete errors.secrets;
  const env = parseEnv(draft.env);
  if (!env.ok) errors.env = env.error;
  const limits: Limits = {};
  const read = (field: keyof LimitFields, key: keyof Limits, parse: (text: string) => number | undefined, help: string) => {
    const text = draft.limits[field];
    if (text.trim() === '') return;
    const value = parse(text);
    if (value === undefined || value <= 0) errors[field] = help;
    else limits[key] = value;
  };
  read('wall', 'wall_ms', parseMillis, 'A time, such as 500 ms or 10 s.');
  read('cpu', 'cpu_ms', parseMillis, 'A time, such as 500 ms or 2 s.');
  read('memory', 'memory_bytes', parseBytes, 'A size, such as 64 MiB.');
  read('output', 'output_bytes', parseBytes, 'A size, such as 1 MiB.');
  read('fuel', 'fuel', (text) => (/^\d+$/.test(text.trim()) ? Number(text) : undefined), 'A whole number.');
  if (Object.keys(errors).length > 0 || !env.ok) return { ok: false, errors };
  return {
    ok: true,
    body: { module: module.digest, description: draft.description.trim(), limits, grants: { directories: draft.directories, env: env.env, network, secrets } },
  };
}

const HOST = /^(\*\.)?[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$|^\[?[0-9a-fA-F:.]*:[0-9a-fA-F:.]*\]?$/;
const SECRET = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;
const HEADER = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/;
const PORT_HELP = 'A port is a number from 1 to 65535.';

function parsePort(text: string): number {
  const port = /^\d{1,5}$/.test(text.trim()) ? Number(text) : NaN;
  return port >= 1 && port <= 65_535 ? port : NaN;
}

function toSecretGrant({ name, as, env, host, port, header, prefix }: SecretField): SecretGrant {
  if (as === 'env') return { name, as: { env } };
  return { name, as: { header: { host: host.trim(), port: parsePort(port), name: header.trim().toLowerCase(), ...(prefix ? { prefix } : {}) } } };
}

function secretError({ name, as, env, host, port, header }: SecretField): string | undefined {
  if (!SECRET.test(name)) return 'Give the name of a secret.';
  if (as === 'env') return VARIABLE.test(env) ? undefined : 'A variable is letters, digits and “_”.';
  if (host.startsWith('*') || !HOST.test(host.trim())) return 'A header goes to one host, by its name; the network grants must hold it too.';
  if (!HEADER.test(header.trim())) return 'Give the name of a header.';
  return Number.isNaN(parsePort(port)) ? PORT_HELP : undefined;
}
