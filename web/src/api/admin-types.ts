// The wire types of a tenant's administration, mirrored by hand from the host's `api` module. Data only.

export interface TenantMember {
  user_id: string;
  email: string;
  role: string;
  created_at: string;
}

export interface Invitation {
  id: string;
  email: string;
  role: string;
  invited_by: string;
  created_at: string;
  expires_at: string;
}

export interface Invited {
  invitation: Invitation;
  /** Shown once. */
  link: string;
}

export interface RoleInfo {
  name: string;
  built_in: boolean;
  description: string;
  permissions: string[];
}

export interface ApiKey {
  id: string;
  name: string;
  prefix: string;
  permissions: string[];
  created_by: string;
  created_at: string;
  expires_at: string;
  last_used_at?: string;
}

export interface CreateApiKey {
  name: string;
  permissions: string[];
  ttl_s?: number;
}

export interface CreatedApiKey {
  key: ApiKey;
  /** Shown once. */
  secret: string;
}

export interface SignInSession {
  id: string;
  current: boolean;
  agent: string;
  address?: string;
  created_at: string;
  refreshed_at: string;
  expires_at: string;
}

export const AUDIT_OUTCOMES = ['done', 'failed', 'denied', 'unknown'] as const;

export interface AuditRecord {
  seq: number;
  time: string;
  actor: string;
  session?: string;
  action: string;
  resource: string;
  outcome: (typeof AUDIT_OUTCOMES)[number] | (string & {});
  code?: string;
  detail?: string;
  address?: string;
  request?: string;
  times: number;
  previous: string;
  hash: string;
}

export interface AuditFilter {
  actor?: string | undefined;
  /** With `*` at its end, all that begin so. */
  action?: string | undefined;
  resource?: string | undefined;
  outcome?: string | undefined;
  from?: string | undefined;
  to?: string | undefined;
}

export interface Secret {
  name: string;
  updated_at: string;
  updated_by: string;
}

export interface Masking {
  tokens: boolean;
  emails: boolean;
  cards: boolean;
  patterns: string[];
}

export interface HistoryEntry {
  line: string;
  at: string;
}
