// The endpoints of a tenant's administration, of the caller's own sessions and of their command history.
import type * as a from './admin-types';
import { client, query } from './client';
import { idempotent } from './idempotent';
import type { Branding, Tenant, TenantUsage } from './types';

const enc = encodeURIComponent;
const base = (tenant: string) => `/v1/${enc(tenant)}`;
const remove = (path: string) => client.data<void>(path, { method: 'DELETE' });

export const listMembers = (tenant: string, cursor?: string) => client.page<a.TenantMember>(`${base(tenant)}/members${query({ cursor })}`);
export const changeMember = (tenant: string, user: string, role: string) => client.data<void>(`${base(tenant)}/members/${enc(user)}`, { method: 'PUT', json: { role } });
export const removeMember = (tenant: string, user: string) => remove(`${base(tenant)}/members/${enc(user)}`);

export const listInvitations = (tenant: string, cursor?: string) => client.page<a.Invitation>(`${base(tenant)}/invitations${query({ cursor })}`);
export const invite = (tenant: string, body: { email: string; role: string }) =>
  client.data<a.Invited>(`${base(tenant)}/invitations`, { method: 'POST', json: body, headers: idempotent() });
export const revokeInvitation = (tenant: string, id: string) => remove(`${base(tenant)}/invitations/${enc(id)}`);

export const listRoles = (tenant: string) => client.data<a.RoleInfo[]>(`${base(tenant)}/roles`);
export const putRole = (tenant: string, name: string, body: { description: string; permissions: string[] }) =>
  client.data<a.RoleInfo>(`${base(tenant)}/roles/${enc(name)}`, { method: 'PUT', json: body });
export const removeRole = (tenant: string, name: string) => remove(`${base(tenant)}/roles/${enc(name)}`);

export const listKeys = (tenant: string, cursor?: string) => client.page<a.ApiKey>(`${base(tenant)}/keys${query({ cursor })}`);
export const createKey = (tenant: string, body: a.CreateApiKey) =>
  client.data<a.CreatedApiKey>(`${base(tenant)}/keys`, { method: 'POST', json: body, headers: idempotent() });
export const revokeKey = (tenant: string, id: string) => remove(`${base(tenant)}/keys/${enc(id)}`);

export const listSignIns = () => client.data<a.SignInSession[]>('/v1/auth/sessions');
export const endSignIn = (id: string) => remove(`/v1/auth/sessions/${enc(id)}`);
export const endOtherSignIns = () => remove('/v1/auth/sessions?keep_current=true');

export const auditPath = (tenant: string, filter: a.AuditFilter) => `${base(tenant)}/audit${query({ ...filter })}`;
export const listAudit = (tenant: string, filter: a.AuditFilter, cursor?: string) => client.page<a.AuditRecord>(`${base(tenant)}/audit${query({ ...filter, cursor, limit: 100 })}`);
export const exportAudit = (tenant: string, filter: a.AuditFilter, format: 'csv' | 'jsonl') =>
  client.send(`${base(tenant)}/audit/export${query({ ...filter, format })}`, { headers: { Accept: '*/*' } });

export const tenantUsage = (tenant: string) => client.data<TenantUsage>(`${base(tenant)}/usage`);

export const listSecrets = (tenant: string, cursor?: string) => client.page<a.Secret>(`${base(tenant)}/secrets${query({ cursor })}`);
export const putSecret = (tenant: string, name: string, value: string) => client.data<unknown>(`${base(tenant)}/secrets/${enc(name)}`, { method: 'PUT', json: { value } });
export const removeSecret = (tenant: string, name: string) => remove(`${base(tenant)}/secrets/${enc(name)}`);

export const getMasking = (tenant: string) => client.data<a.Masking>(`${base(tenant)}/masking`);
export const putMasking = (tenant: string, masking: a.Masking) => client.data<a.Masking>(`${base(tenant)}/masking`, { method: 'PUT', json: masking });

export const getSettings = (tenant: string) => client.data<Tenant>(`${base(tenant)}/settings`);
export const changeSettings = (tenant: string, body: { name?: string; branding?: Branding }) => client.data<Tenant>(`${base(tenant)}/settings`, { method: 'PATCH', json: body });

export const listHistory = (tenant: string, text: string, cursor?: string) => client.page<a.HistoryEntry>(`${base(tenant)}/console/history${query({ text, cursor, limit: 100 })}`);
export const clearHistory = (tenant: string) => remove(`${base(tenant)}/console/history`);
