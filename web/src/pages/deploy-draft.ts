// The deploy form's content before it is sent: defaults, checks, and the request it becomes.
import type { Deploy, DirectoryGrant, Limits, Module } from '../api/types';
import { parseBytes, parseEnv, parseMillis } from '../lib/format';

const NAME = /^[a-z0-9._-]{1,64}$/;

export interface LimitFields {
  wall: string;
  cpu: string;
  memory: string;
  output: string;
  fuel: string;
}

export interface Draft {
  name: string;
  description: string;
  directories: DirectoryGrant[];
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
    body: { module: module.digest, description: draft.description.trim(), limits, grants: { directories: draft.directories, env: env.env, network: [] } },
  };
}
