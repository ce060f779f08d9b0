// One function for each endpoint the console uses; the only place that forms API paths.
import { client, query, type UploadOptions } from './client';
import { idempotent } from './idempotent';
import type * as t from './types';

const enc = encodeURIComponent;
const base = (tenant: string) => `/v1/${enc(tenant)}`;

export const setPassword = (body: { current_password?: string; new_password: string }) =>
  client.data<void>('/v1/auth/password', { method: 'POST', json: body });

export const me = () => client.data<t.Principal>('/v1/auth/me');

export const listTenants = (cursor?: string) => client.page<t.Tenant>(`/v1/operator/tenants${query({ cursor })}`);
export const createTenant = (body: t.CreateTenant) =>
  client.data<t.CreatedTenant>('/v1/operator/tenants', { method: 'POST', json: body, headers: idempotent() });

export const changeTenant = (id: string, body: { reason: string; plan?: string }) =>
  client.data<t.Tenant>(`/v1/operator/tenants/${enc(id)}`, { method: 'PATCH', json: body });
export const moveTenant = (id: string, where: 'suspend' | 'resume' | 'offboard', body: { reason: string; grace_s?: number }) =>
  client.data<t.Tenant>(`/v1/operator/tenants/${enc(id)}/${where}`, { method: 'POST', json: body, headers: idempotent() });
export const eraseTenant = (id: string, body: { reason: string; confirm: string }) =>
  client.data<unknown>(`/v1/operator/tenants/${enc(id)}/erase`, { method: 'POST', json: body, headers: idempotent() });

export const listModules = (tenant: string, cursor?: string) => client.page<t.Module>(`${base(tenant)}/modules${query({ cursor })}`);
export const getModule = (tenant: string, digest: string) => client.data<t.Module>(`${base(tenant)}/modules/${enc(digest)}`);
export const deleteModule = (tenant: string, digest: string) =>
  client.data<void>(`${base(tenant)}/modules/${enc(digest)}`, { method: 'DELETE' });
export const uploadModule = (tenant: string, file: File, options: Omit<UploadOptions, 'contentType'>) =>
  client.upload<t.Module>('POST', `${base(tenant)}/modules${query({ name: file.name })}`, file, {
    ...options,
    contentType: 'application/wasm',
    headers: idempotent(),
  });

export const listDeployments = (tenant: string, cursor?: string) =>
  client.page<t.Deployment>(`${base(tenant)}/deployments${query({ cursor, limit: 200 })}`);
export const getDeployment = (tenant: string, name: string) => client.data<t.Deployment>(`${base(tenant)}/deployments/${enc(name)}`);
export const deploy = (tenant: string, name: string, body: t.Deploy) =>
  client.data<t.Deployment>(`${base(tenant)}/deployments/${enc(name)}`, { method: 'PUT', json: body, headers: idempotent() });
export const rollback = (tenant: string, name: string, version: number) =>
  client.data<t.Deployment>(`${base(tenant)}/deployments/${enc(name)}/rollback`, { method: 'POST', json: { version }, headers: idempotent() });
export const deleteDeployment = (tenant: string, name: string) =>
  client.data<void>(`${base(tenant)}/deployments/${enc(name)}`, { method: 'DELETE' });

export const createRun = (tenant: string, body: t.CreateRun) =>
  client.data<t.Run>(`${base(tenant)}/runs`, { method: 'POST', json: body, headers: idempotent() });
export const listRuns = (tenant: string, filter: { status?: string | undefined; command?: string | undefined; limit?: number }, cursor?: string) =>
  client.page<t.Run>(`${base(tenant)}/runs${query({ ...filter, cursor })}`);
export const getRun = (tenant: string, id: string) => client.data<t.Run>(`${base(tenant)}/runs/${enc(id)}`);
export const killRun = (tenant: string, id: string) => client.data<t.Run>(`${base(tenant)}/runs/${enc(id)}/kill`, { method: 'POST' });
export const feedStdin = (tenant: string, id: string, offset: number, eof: boolean, bytes: Uint8Array<ArrayBuffer>) =>
  client.data<t.StdinAccepted>(`${base(tenant)}/runs/${enc(id)}/stdin${query({ offset, eof: eof || undefined })}`, {
    method: 'POST',
    body: bytes,
    headers: { 'Content-Type': 'application/octet-stream' },
  });
export const outputPath = (tenant: string, id: string) => `${base(tenant)}/runs/${enc(id)}/output`;

/** All that are given must hold. Streams and levels are separated by commas; times are RFC 3339. */
export interface LogFilter {
  run?: string | undefined;
  command?: string | undefined;
  workflow_run?: string | undefined;
  step?: string | undefined;
  stream?: string | undefined;
  level?: string | undefined;
  text?: string | undefined;
  regex?: string | undefined;
  /** `name=value`, or only `name`; at most 8. */
  field?: string[] | undefined;
  from?: string | undefined;
  to?: string | undefined;
}

export const logsPath = (tenant: string, filter: LogFilter) => `${base(tenant)}/logs${query({ ...filter })}`;
export interface LogPageOptions {
  limit: number;
  cursor?: string | undefined;
  order?: 'asc' | 'desc';
  signal?: AbortSignal;
}
export async function listLogs(tenant: string, filter: LogFilter, { limit, cursor, order = 'desc', signal }: LogPageOptions): Promise<t.LogPage> {
  const path = `${base(tenant)}/logs${query({ ...filter, order, limit, cursor })}`;
  const { data, pagination, missing = [] } = await client.request<t.LogLine[]>(path, signal ? { signal } : {});
  return pagination?.has_next && pagination.cursor ? { items: data, missing, cursor: pagination.cursor } : { items: data, missing };
}
export const logHistogram = (tenant: string, filter: LogFilter, buckets: number, signal: AbortSignal) =>
  client.data<t.LogHistogram>(`${base(tenant)}/logs/histogram${query({ ...filter, buckets })}`, { signal });
export const logContext = (tenant: string, line: string, filter: LogFilter, around: number, signal: AbortSignal) =>
  client.data<t.LogContext>(`${base(tenant)}/logs/${enc(line)}/context${query({ ...filter, before: around, after: around })}`, { signal });
export const exportLogs = (tenant: string, filter: LogFilter, format: 'raw' | 'jsonl') =>
  client.send(`${base(tenant)}/logs/export${query({ ...filter, format })}`, { headers: { Accept: '*/*' } });

/** A path inside the tenant's directory, each part escaped. */
const filePath = (tenant: string, path: string) =>
  [`${base(tenant)}/files`, ...path.split('/').filter(Boolean).map(enc)].join('/');

export const listFiles = (tenant: string, path: string, cursor?: string) =>
  client.page<t.FileEntry>(`${filePath(tenant, path)}${query({ limit: 200, cursor })}`);
export const deleteFile = (tenant: string, path: string) => client.data<void>(filePath(tenant, path), { method: 'DELETE' });
export const makeDirectory = (tenant: string, path: string) =>
  client.data<t.FileEntry>(`${filePath(tenant, path)}?kind=directory`, { method: 'PUT', headers: idempotent() });
export const uploadFile = (tenant: string, path: string, file: File, options: Omit<UploadOptions, 'contentType'>) =>
  client.upload<t.FileEntry>('PUT', filePath(tenant, path), file, {
    ...options,
    contentType: 'application/octet-stream',
    headers: idempotent(),
  });
export const openFile = (tenant: string, path: string) => client.send(filePath(tenant, path), { headers: { Accept: 'application/octet-stream' } });
