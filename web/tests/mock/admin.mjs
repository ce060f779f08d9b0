// The mock's administration of a tenant: members, roles, keys, secrets, masking, audit, usage, settings.
import { randomBytes } from 'node:crypto';
import { answer, eventStream, page, readJson, Refusal } from './http.mjs';
import { permissionsOf, rolesOf } from './rights.mjs';
import { newId } from './state.mjs';

const DAY_MS = 86_400_000;
const inDays = (days) => new Date(Date.now() + days * DAY_MS).toISOString();

export function needs(call, permission) {
  if (!permissionsOf(call.tenant, call.user.roles.get(call.tenant.record.slug)).includes(permission)) {
    throw new Refusal(403, 'permission_denied', `Your role does not allow ${permission}.`);
  }
}

function found(map, key, what) {
  const value = map.get(key);
  if (value === undefined) throw new Refusal(404, `${what}_not_found`, `There is no such ${what.replace('_', ' ')}.`);
  return value;
}

const membersOf = ({ tenant, mock }) => [...mock.world.users.values()].filter((user) => user.roles.has(tenant.record.slug));
const gone = (res) => answer(res, undefined, { status: 204 });

/** Writes a record of what was done, and tells those who follow. */
export function record(tenant, user, action, resource, outcome = 'done', more = {}) {
  const before = tenant.audit.at(-1);
  const entry = {
    seq: tenant.audit.length + 1,
    time: new Date().toISOString().replace('Z', '000Z'),
    actor: user.id ?? user,
    action,
    resource,
    outcome,
    address: '127.0.0.1',
    request: newId('req'),
    times: 1,
    previous: before?.hash ?? '0'.repeat(64),
    hash: randomBytes(32).toString('hex'),
    ...more,
  };
  tenant.audit.push(entry);
  for (const follower of tenant.auditFollowers) follower(entry);
}

function auditMatcher(url) {
  const { actor, action, resource, outcome, from, to } = Object.fromEntries(url.searchParams);
  return (entry) =>
    (!actor || entry.actor === actor) &&
    (!action || (action.endsWith('*') ? entry.action.startsWith(action.slice(0, -1)) : entry.action === action)) &&
    (!resource || entry.resource.includes(resource)) &&
    (!outcome || entry.outcome === outcome) &&
    (!from || Date.parse(entry.time) >= Date.parse(from)) &&
    (!to || Date.parse(entry.time) < Date.parse(to));
}

export const adminRoutes = {
  'GET members': async (call) => {
    const { slug } = call.tenant.record;
    page(call.res, membersOf(call).map((user) => ({ user_id: user.id, email: user.email, role: user.roles.get(slug), created_at: call.tenant.record.created_at })), call.url);
  },
  'PUT members/*': async (call, id) => {
    needs(call, 'member:write');
    const { slug } = call.tenant.record;
    const user = membersOf(call).find((candidate) => candidate.id === id);
    if (!user) throw new Refusal(404, 'member_not_found', 'There is no such member.');
    const { role } = await readJson(call.req);
    const owners = membersOf(call).filter((candidate) => candidate.roles.get(slug) === 'owner');
    if (owners.length === 1 && owners[0] === user && role !== 'owner') throw new Refusal(409, 'last_owner', 'A tenant keeps at least one owner. Make somebody else an owner first.');
    user.roles.set(slug, role);
    record(call.tenant, call.user, 'member:write', id);
    gone(call.res);
  },
  'DELETE members/*': async (call, id) => {
    needs(call, 'member:write');
    const user = membersOf(call).find((candidate) => candidate.id === id);
    if (!user) throw new Refusal(404, 'member_not_found', 'There is no such member.');
    user.roles.delete(call.tenant.record.slug);
    record(call.tenant, call.user, 'member:write', id);
    gone(call.res);
  },
  'GET invitations': async ({ res, url, tenant, mock }) => {
    const open = [...mock.world.invitations.values()].filter(({ slug, id }) => slug === tenant.record.slug && id !== undefined);
    page(res, open.map(({ slug: _, ...rest }) => rest), url);
  },
  'POST invitations': async (call) => {
    needs(call, 'member:write');
    const { email, role } = await readJson(call.req);
    if (membersOf(call).some((user) => user.email === email)) throw new Refusal(409, 'already_member', `${email} is a member already.`);
    const token = call.mock.world.invite(email, call.tenant.record.slug, role);
    const invitation = Object.assign(call.mock.world.invitations.get(token), { id: newId('inv'), invited_by: call.user.id, created_at: new Date().toISOString(), expires_at: inDays(7) });
    record(call.tenant, call.user, 'member:write', invitation.id);
    answer(call.res, { invitation, link: `http://${call.req.headers.host}/#/invitation/${token}` }, { status: 201 });
  },
  'DELETE invitations/*': async (call, id) => {
    needs(call, 'member:write');
    const entry = [...call.mock.world.invitations].find(([, invitation]) => invitation.id === id);
    if (!entry) throw new Refusal(404, 'invitation_not_found', 'There is no such invitation.');
    call.mock.world.invitations.delete(entry[0]);
    gone(call.res);
  },

  'GET roles': async ({ res, tenant }) => answer(res, rolesOf(tenant)),
  'PUT roles/*': async (call, name) => {
    needs(call, 'role:write');
    const role = { name, built_in: false, description: '', ...(await readJson(call.req)) };
    call.tenant.roles.set(name, role);
    record(call.tenant, call.user, 'role:write', name);
    answer(call.res, role);
  },
  'DELETE roles/*': async (call, name) => {
    needs(call, 'role:write');
    found(call.tenant.roles, name, 'role');
    if (membersOf(call).some((user) => user.roles.get(call.tenant.record.slug) === name)) throw new Refusal(409, 'role_in_use', 'A member has this role. Give them another one first.');
    call.tenant.roles.delete(name);
    gone(call.res);
  },

  'GET keys': async ({ res, url, tenant }) => page(res, [...tenant.keys.values()], url),
  'POST keys': async (call) => {
    needs(call, 'key:write');
    const { name, permissions, ttl_s = 90 * 86_400 } = await readJson(call.req);
    const secret = `key_${randomBytes(24).toString('base64url')}`;
    const key = { id: newId('key'), name, prefix: secret.slice(0, 10), permissions, created_by: call.user.id, created_at: new Date().toISOString(), expires_at: inDays(ttl_s / 86_400) };
    call.tenant.keys.set(key.id, key);
    record(call.tenant, call.user, 'key:write', key.id);
    answer(call.res, { key, secret }, { status: 201 });
  },
  'DELETE keys/*': async (call, id) => {
    needs(call, 'key:write');
    found(call.tenant.keys, id, 'key');
    call.tenant.keys.delete(id);
    record(call.tenant, call.user, 'key:write', id);
    gone(call.res);
  },

  'GET secrets': async ({ res, url, tenant }) => page(res, [...tenant.secrets.values()], url),
  'PUT secrets/*': async (call, name) => {
    needs(call, 'secret:write');
    const { value } = await readJson(call.req);
    if (!value) throw new Refusal(400, 'invalid_value', 'A secret has 1 to 16,384 bytes.');
    const secret = { name, updated_at: new Date().toISOString(), updated_by: call.user.id };
    call.tenant.secrets.set(name, secret);
    record(call.tenant, call.user, 'secret:write', name);
    answer(call.res, secret, { status: 201 });
  },
  'DELETE secrets/*': async ({ res, tenant }, name) => {
    found(tenant.secrets, name, 'secret');
    tenant.secrets.delete(name);
    gone(res);
  },

  'GET masking': async ({ res, tenant }) => answer(res, tenant.masking),
  'PUT masking': async (call) => {
    needs(call, 'masking:write');
    const masking = await readJson(call.req);
    if (masking.patterns.some((pattern) => pattern.includes('('.repeat(3)))) throw new Refusal(400, 'pattern_invalid', 'A pattern is no regular expression.');
    call.tenant.masking = masking;
    record(call.tenant, call.user, 'masking:write', 'masking');
    answer(call.res, masking);
  },

  'GET usage': async ({ res, tenant }) => answer(res, usageOf(tenant)),
  'GET settings': async ({ res, tenant }) => answer(res, tenant.record),
  'PATCH settings': async (call) => {
    needs(call, 'tenant:write');
    Object.assign(call.tenant.record, await readJson(call.req));
    record(call.tenant, call.user, 'tenant:write', 'settings');
    answer(call.res, call.tenant.record);
  },

  'GET audit': async (call) => {
    needs(call, 'audit:read');
    const { req, res, url, tenant } = call;
    const matches = auditMatcher(url);
    if (!(req.headers.accept ?? '').includes('text/event-stream')) return page(res, tenant.audit.filter(matches).reverse(), url);
    const after = Number(req.headers['last-event-id'] ?? tenant.audit.length);
    const tell = (entry) => matches(entry) && stream.send('record', entry.seq, entry);
    const stream = eventStream(req, res, () => tenant.auditFollowers.delete(tell));
    tenant.audit.slice(after).forEach(tell);
    tenant.auditFollowers.add(tell);
  },
  'GET audit/*': async (call) => {
    needs(call, 'audit:read');
    const { res, url, tenant } = call;
    const list = tenant.audit.filter(auditMatcher(url));
    const isCsv = url.searchParams.get('format') === 'csv';
    res.writeHead(200, { 'Content-Type': isCsv ? 'text/csv' : 'application/x-ndjson' });
    const csv = () => ['seq,time,actor,action,resource,outcome', ...list.map((entry) => [entry.seq, entry.time, entry.actor, entry.action, entry.resource, entry.outcome].join())];
    res.end((isCsv ? csv() : list.map((entry) => JSON.stringify(entry))).map((line) => `${line}\n`).join(''));
  },
};

export function usageOf(tenant) {
  const running = [...tenant.runs.values()].filter(({ run }) => run.status !== 'ended').length;
  const item = (name, used, limit, resets_at) => {
    const percent = Math.floor((used * 100) / limit);
    const state = percent >= 100 ? 'reached' : percent >= 80 ? 'near' : 'ok';
    return { name, used, limit, percent, state, ...(resets_at ? { resets_at } : {}) };
  };
  return {
    plan: tenant.record.plan,
    items: [
      item('requests_per_minute', 42, 600, new Date(Date.now() + 4_000).toISOString()),
      item('runs_per_minute', tenant.runs.size % 60, 60, new Date(Date.now() + 30_000).toISOString()),
      item('uploads_per_hour', 20, 20, new Date(Date.now() + 1_200_000).toISOString()),
      item('workflows_per_hour', 0, 100),
      item('runs_per_month', 8_412 + tenant.runs.size, 10_000, inDays(9)),
      item('concurrent_runs', running, 4),
      item('memory_bytes', running * 1_179_648, 512 * 1024 ** 2),
      item('open_files', running * 3, 1024),
      item('output_bytes', 0, 16 * 1024 ** 2),
      item('host_threads', running, 16),
      item('storage_bytes', 61_341_696, 1024 ** 3),
      item('storage_entries', tenant.files.size, 100_000),
    ],
  };
}
