// The parts of a tenant's administration, and the permission that shows each.

export const ADMIN_PARTS = [
  { to: '/t/$tenant/admin/members', label: 'Members', needs: 'member:read' },
  { to: '/t/$tenant/admin/roles', label: 'Roles', needs: 'role:read' },
  { to: '/t/$tenant/admin/keys', label: 'API keys', needs: 'key:read' },
  { to: '/t/$tenant/admin/secrets', label: 'Secrets', needs: 'secret:read' },
  { to: '/t/$tenant/admin/masking', label: 'Masking', needs: 'masking:read' },
  { to: '/t/$tenant/admin/audit', label: 'Audit', needs: 'audit:read' },
  { to: '/t/$tenant/admin/usage', label: 'Usage', needs: 'usage:read' },
  { to: '/t/$tenant/admin/settings', label: 'Settings', needs: 'tenant:read' },
] as const;
