// What a list of permissions allows, as the host reads it: `log:read`, or `run:create:report-*`.

const PATTERNED = 'run:create';

/** `resource` matters for `run:create` only; without one, being allowed some commands counts. */
export function allows(permissions: readonly string[], action: string, resource?: string): boolean {
  if (permissions.includes(action)) return true;
  if (action !== PATTERNED) return false;
  const patterns = permissions.filter((one) => one.startsWith(`${PATTERNED}:`)).map((one) => one.slice(PATTERNED.length + 1));
  return patterns.some((pattern) => resource === undefined || matches(pattern, resource));
}

function matches(pattern: string, name: string): boolean {
  const source = pattern.replace(/[.\\+^$()[\]{}|/-]/g, '\\$&').replaceAll('*', '.*').replaceAll('?', '.');
  return new RegExp(`^${source}$`).test(name);
}

export interface PermissionGroup {
  /** `run` of `run:create`. */
  area: string;
  label: string;
  permissions: string[];
}

const AREAS: Record<string, string> = {
  module: 'Modules',
  deployment: 'Commands',
  run: 'Runs',
  console: 'Terminals',
  log: 'Logs',
  file: 'Files',
  secret: 'Secrets',
  masking: 'Masking',
  member: 'Members',
  role: 'Roles',
  key: 'API keys',
  audit: 'Audit',
  usage: 'Usage',
  tenant: 'Tenant',
};

/** By what they are about, in the order in which people meet these things; what is unknown comes last. */
export function groupPermissions(permissions: readonly string[]): PermissionGroup[] {
  const order = Object.keys(AREAS);
  const groups = new Map<string, string[]>();
  for (const permission of permissions) {
    const area = permission.split(':')[0]!;
    groups.set(area, [...(groups.get(area) ?? []), permission]);
  }
  const rank = (area: string) => (order.includes(area) ? order.indexOf(area) : order.length);
  return [...groups].sort(([a], [b]) => rank(a) - rank(b)).map(([area, list]) => ({ area, label: AREAS[area] ?? area, permissions: list }));
}

/** Command patterns of a list, without `run:create:`. */
export const patternsOf = (permissions: readonly string[]): string[] =>
  permissions.filter((one) => one.startsWith(`${PATTERNED}:`)).map((one) => one.slice(PATTERNED.length + 1));

const PATTERN = /^[a-z0-9._*?-]{1,64}$/;
export const isPattern = (text: string): boolean => PATTERN.test(text);
export const withPattern = (pattern: string): string => `${PATTERNED}:${pattern}`;
