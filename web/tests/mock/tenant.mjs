// The mock's endpoints below a tenant: modules, deployments, runs, files; the log's and the console's are elsewhere.
import { consoleRoutes } from './console.mjs';
import { adminRoutes, needs, record } from './admin.mjs';
import { answer, eventStream, page, readBody, readJson, Refusal } from './http.mjs';
import { logRoutes } from './logs.mjs';
import { feedRun, killRun, startRun } from './runs.mjs';
import { inspect } from './wasm.mjs';

export async function tenantRoutes(call) {
  const { req, path } = call;
  if (path[0] === 'console') return consoleCall(call, path.slice(1));
  const [area, key, action] = path;
  const route = routes[`${req.method} ${area}${key === undefined || area === 'files' ? '' : '/*'}${action && area !== 'files' ? `/${action}` : ''}`];
  if (!route || path.includes('')) throw new Refusal(404, 'not_found', 'There is nothing here.');
  await route(call, key, path);
}

async function consoleCall(call, [area, key, action]) {
  needs(call, 'console:use');
  const route = consoleRoutes[`${call.req.method} ${area}${key === undefined ? '' : '/*'}${action ? `/${action}` : ''}`];
  if (!route) throw new Refusal(404, 'not_found', 'There is nothing here.');
  await route(call, key);
}

const idOf = ({ tenant }) => tenant.record.id;

const routes = {
  'POST modules': async (call) => {
    const { req, res, url, tenant, user } = call;
    const module = inspect(await readBody(req), url.searchParams.get('name') || 'module.wasm', user.email);
    if (call.mock.compileMs) await new Promise((resolve) => setTimeout(resolve, call.mock.compileMs));
    const known = tenant.modules.get(module.digest);
    if (!known) tenant.modules.set(module.digest, module);
    answer(res, known ?? module, { status: known ? 200 : 201, tenant: idOf(call) });
  },
  'GET modules': async (call) => page(call.res, [...call.tenant.modules.values()].reverse(), call.url, idOf(call)),
  'GET modules/*': async (call, digest) => answer(call.res, found(call.tenant.modules, digest, 'module'), { tenant: idOf(call) }),
  'DELETE modules/*': async ({ res, tenant }, digest) => {
    found(tenant.modules, digest, 'module');
    const user = [...tenant.deployments.values()].find(({ active }) => active.module === digest);
    if (user) throw new Refusal(409, 'module_in_use', `The command “${user.name}” uses this module. Remove the command or deploy another module under its name first.`);
    tenant.modules.delete(digest);
    answer(res, undefined, { status: 204 });
  },

  'GET deployments': async (call) => {
    const list = [...call.tenant.deployments.values()].map(({ history: _, ...rest }) => rest);
    page(call.res, list.sort((a, b) => a.name.localeCompare(b.name)), call.url, idOf(call));
  },
  'GET deployments/*': async (call, name) => answer(call.res, found(call.tenant.deployments, name, 'deployment'), { tenant: idOf(call) }),
  'PUT deployments/*': async (call, name) => {
    const { req, res, tenant, user } = call;
    const body = await readJson(req);
    if (!/^[a-z0-9._-]{1,64}$/.test(name)) throw new Refusal(422, 'deployment_name_invalid', 'Use 1 to 64 of a-z, 0-9, “.”, “_” and “-”.');
    found(tenant.modules, body.module, 'module');
    if (body.limits?.wall_ms > 60_000) throw new Refusal(422, 'limit_over_plan', 'Your plan allows a wall time of 60000 ms. Ask for less, or leave it out.');
    answer(res, addVersion(tenant, name, body, user), { status: 201, tenant: idOf(call) });
  },
  'POST deployments/*/rollback': async (call, name) => {
    const deployment = found(call.tenant.deployments, name, 'deployment');
    const { version } = await readJson(call.req);
    const old = deployment.history.find((candidate) => candidate.version === version);
    if (!old) throw new Refusal(404, 'version_not_found', 'There is no such version.');
    answer(call.res, addVersion(call.tenant, name, old, call.user), { tenant: idOf(call) });
  },
  'DELETE deployments/*': async ({ res, tenant }, name) => {
    found(tenant.deployments, name, 'deployment');
    tenant.deployments.delete(name);
    answer(res, undefined, { status: 204 });
  },

  'POST runs': async (call) => {
    if (call.mock.refuseRuns) throw new Refusal(429, 'rate_limited', 'Too many runs in a minute.', { 'Retry-After': '20' });
    const body = await readJson(call.req);
    const deployment = found(call.tenant.deployments, body.command, 'deployment');
    record(call.tenant, call.user, 'run:create', body.command);
    answer(call.res, startRun(call.tenant, deployment, body, call.user), { status: 202, tenant: idOf(call) });
  },
  'GET runs': async (call) => {
    const { status, command } = Object.fromEntries(call.url.searchParams);
    const list = [...call.tenant.runs.values()].map(({ run }) => run).reverse();
    page(call.res, list.filter((run) => (!status || run.status === status) && (!command || run.command === command)), call.url, idOf(call));
  },
  'GET runs/*': async (call, id) => answer(call.res, found(call.tenant.runs, id, 'run').run, { tenant: idOf(call) }),
  'POST runs/*/kill': async (call, id) => answer(call.res, killRun(call.tenant, id), { tenant: idOf(call) }),
  'POST runs/*/stdin': async (call, id) => {
    const offset = Number(call.url.searchParams.get('offset') ?? 0);
    const eof = call.url.searchParams.get('eof') === 'true';
    answer(call.res, feedRun(call.tenant, id, offset, eof, await readBody(call.req)), { tenant: idOf(call) });
  },
  'GET runs/*/output': async ({ req, res, url, tenant }, id) => {
    const record = found(tenant.runs, id, 'run');
    let at = Number(req.headers['last-event-id'] ?? url.searchParams.get('cursor') ?? 0);
    const stream = eventStream(req, res, () => record.watchers.delete(push));
    function push() {
      for (; at < record.output.length; at++) stream.send('output', at + 1, record.output[at]);
      if (record.run.status !== 'ended') return;
      stream.send('exit', at + 1, record.run);
      stream.end();
    }
    record.watchers.add(push);
    push();
  },

  ...logRoutes,
  ...adminRoutes,

  'GET files': async (call, _key, path) => {
    const name = filePath(path);
    const entry = found(call.tenant.files, name, 'file');
    if (entry.kind === 'file') {
      call.res.writeHead(200, { 'Content-Type': 'application/octet-stream', 'Content-Disposition': 'attachment' });
      return call.res.end(entry.bytes);
    }
    const prefix = name === '/' ? '/' : `${name}/`;
    const inside = [...call.tenant.files].filter(([file]) => file !== name && file.startsWith(prefix) && !file.slice(prefix.length).includes('/'));
    const entries = inside.map(([file, child]) => fileEntry(file, child)).sort((a, b) => (a.name < b.name ? -1 : 1));
    page(call.res, entries, call.url, idOf(call));
  },
  'PUT files': async (call, _key, path) => {
    const name = filePath(path);
    const directory = call.url.searchParams.get('kind') === 'directory';
    const entry = { kind: directory ? 'directory' : 'file', at: new Date().toISOString(), bytes: directory ? undefined : await readBody(call.req) };
    call.tenant.files.set(name, entry);
    answer(call.res, fileEntry(name, entry), { status: 201, tenant: idOf(call) });
  },
  'DELETE files': async ({ res, tenant }, _key, path) => {
    const name = filePath(path);
    found(tenant.files, name, 'file');
    for (const file of tenant.files.keys()) if (file === name || file.startsWith(`${name}/`)) tenant.files.delete(file);
    answer(res, undefined, { status: 204 });
  },
};

const filePath = (path) => `/${path.slice(1).filter(Boolean).join('/')}`;
const fileEntry = (name, { kind, at, bytes }) => ({ name: name.split('/').pop(), kind, size_bytes: bytes?.length ?? 0, modified_at: at });

function found(map, key, what) {
  const value = map.get(key);
  if (value === undefined) throw new Refusal(404, `${what}_not_found`, `There is no such ${what}.`);
  return value;
}

function addVersion(tenant, name, { module, description = '', limits = {}, grants = {} }, user) {
  const history = tenant.deployments.get(name)?.history ?? [];
  const active = {
    version: history.length + 1,
    module,
    description,
    limits,
    grants: { directories: [], env: {}, network: [], secrets: [], ...grants },
    created_at: new Date().toISOString(),
    created_by: user.email,
  };
  const deployment = { name, version: active.version, active, history: [active, ...history] };
  tenant.deployments.set(name, deployment);
  return deployment;
}
