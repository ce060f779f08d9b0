// The endpoints of the console: sessions, history, and what the stream's transports need.
import { problemFrom } from './problem';
import { client, query } from './client';
import type { ConsoleApi } from '../stream/console/api';
import type { SessionInfo } from '../stream/console/protocol';

const enc = encodeURIComponent;
const base = (tenant: string) => `/v1/${enc(tenant)}/console`;

export interface CreateConsoleSession {
  name?: string;
  columns: number;
  lines: number;
}

export const listSessions = (tenant: string) => client.data<SessionInfo[]>(`${base(tenant)}/sessions`);
export const createSession = (tenant: string, body: CreateConsoleSession) => client.data<SessionInfo>(`${base(tenant)}/sessions`, { method: 'POST', json: body });
export const renameSession = (tenant: string, id: string, name: string) =>
  client.data<SessionInfo>(`${base(tenant)}/sessions/${enc(id)}`, { method: 'PATCH', json: { name } });
export const endSession = (tenant: string, id: string) => client.data<void>(`${base(tenant)}/sessions/${enc(id)}`, { method: 'DELETE' });

export const consoleApi = (tenant: string): ConsoleApi => ({
  ticket: async (signal) => (await client.data<{ ticket: string }>(`${base(tenant)}/tickets`, { method: 'POST', signal })).ticket,
  socketUrl: (ticket, client) => `${window.location.origin.replace(/^http/, 'ws')}${base(tenant)}/ws${query({ ticket, client })}`,
  events: (parameters, accept, signal) =>
    client.send(`${base(tenant)}/events${query({ ...parameters })}`, { headers: { Accept: accept, 'Cache-Control': 'no-cache' }, signal }),
  problem: async (response) => problemFrom(response.status, await response.text(), response.headers.get('Retry-After')),
  post: (session, body, signal) => client.data<{ seq: number }>(`${base(tenant)}/sessions/${enc(session)}/messages`, { method: 'POST', json: body, signal }),
});
