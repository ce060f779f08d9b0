// What each role may do, as the host's table says.

const LEAST = {
  viewer: ['module:read', 'deployment:read', 'run:read', 'log:read', 'file:read', 'usage:read', 'tenant:read', 'member:read', 'role:read'],
  runner: ['run:create', 'run:control', 'console:use'],
  developer: ['module:upload', 'module:delete', 'deployment:write', 'file:write', 'secret:read', 'secret:write', 'masking:read', 'key:read', 'key:write'],
  admin: ['console:manage', 'log:delete', 'audit:read', 'masking:write', 'tenant:write', 'member:write', 'role:write'],
  owner: ['tenant:export'],
};
const DESCRIPTIONS = {
  owner: 'Everything, and the tenant itself',
  admin: 'Everything within the tenant',
  developer: 'Uploads, deploys, runs and reads',
  runner: 'Runs what is deployed, and reads',
  viewer: 'Reads',
};

export function builtInRoles() {
  const order = Object.keys(LEAST);
  return Object.keys(DESCRIPTIONS).map((name) => ({
    name,
    built_in: true,
    description: DESCRIPTIONS[name],
    permissions: order.slice(0, order.indexOf(name) + 1).flatMap((role) => LEAST[role]),
  }));
}

export const rolesOf = (tenant) => [...builtInRoles(), ...tenant.roles.values()];
export const permissionsOf = (tenant, role) => rolesOf(tenant).find(({ name }) => name === role)?.permissions ?? [];
