// A stand-in for the host: the HTTP API in memory, and the built console under the policy the host should send.
import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import { dirname, extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { consoleSockets } from './console.mjs';
import { answer, problem, readJson, Refusal } from './http.mjs';
import { demoWorld } from './state.mjs';
import { tenantRoutes } from './tenant.mjs';

const DIST = join(dirname(fileURLToPath(import.meta.url)), '../../dist');
const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' };

export const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  // The terminal writes true colours as style attributes.
  "style-src-attr 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const cookieOf = (req) => /(?:^|;\s*)cloister_refresh=([^;]+)/.exec(req.headers.cookie ?? '')?.[1];

/** The session of this page, and two that somebody left open. */
function sessionsOf(user) {
  const at = (days) => new Date(Date.now() + days * 86_400_000).toISOString();
  const agent = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36';
  user.signIns ??= [
    { id: 'ses_phone', current: false, agent: 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1', address: '203.0.113.7', created_at: at(-3), refreshed_at: at(-0.2), expires_at: at(27) },
    { id: 'ses_cli', current: false, agent: 'cloister/0.1.0', address: '198.51.100.23', created_at: at(-12), refreshed_at: at(-2), expires_at: at(18) },
    { id: 'ses_here', current: true, agent, address: '127.0.0.1', created_at: at(0), refreshed_at: at(0), expires_at: at(30) },
  ];
  return user.signIns;
}

export function createMock({ tokenLifetimeS = 300 } = {}) {
  const { world, ownerLink, operatorLink, invitation } = demoWorld();

  const signedIn = (res, user) => {
    const tokens = world.tokens(user, tokenLifetimeS);
    const cookie = `cloister_refresh=${tokens.refresh_token}; HttpOnly; SameSite=Strict; Path=/v1/auth`;
    answer(res, tokens, { headers: { 'Set-Cookie': cookie } });
  };
  const bearer = (req) => {
    const token = /^Bearer (.+)$/.exec(req.headers.authorization ?? '')?.[1];
    const access = world.access.get(token);
    if (!access || access.until < Date.now()) throw new Refusal(401, 'token_invalid', 'The access token is missing, unknown or expired. Sign in again.');
    return access.user;
  };

  const auth = {
    'POST /v1/auth/sign-in': async (req, res) => {
      const { email, password } = await readJson(req);
      const user = world.users.get(email);
      if (!user || user.password === undefined || user.password !== password) {
        throw new Refusal(401, 'credentials_invalid', 'E-mail and password do not match an account.');
      }
      signedIn(res, user);
    },
    'POST /v1/auth/link': async (req, res) => {
      const { token, new_password } = await readJson(req);
      const user = world.links.get(token);
      if (!user) throw new Refusal(401, 'link_invalid', 'The link is unknown, was used already, or is too old. Ask for a new one.');
      world.links.delete(token);
      if (new_password) user.password = new_password;
      signedIn(res, user);
    },
    'POST /v1/auth/invitation': async (req, res) => {
      const { token, new_password } = await readJson(req);
      const invitation = world.invitations.get(token);
      if (!invitation) throw new Refusal(401, 'invitation_invalid', 'The invitation is unknown, was used already, or is too old. Ask for a new one.');
      const known = world.users.get(invitation.email);
      if (known && bearer(req) !== known) throw new Refusal(403, 'invitation_foreign', 'The invitation is for another account.');
      if (!known && [...(new_password ?? '')].length < 12) throw new Refusal(422, 'password_too_short', 'Use at least 12 characters.');
      world.invitations.delete(token);
      const user = world.user(invitation.email);
      user.password ??= new_password;
      user.roles.set(invitation.slug, invitation.role);
      signedIn(res, user);
    },
    'POST /v1/auth/refresh': async (req, res) => {
      const { refresh_token } = await readJson(req);
      if (!refresh_token && req.headers['x-cloister-csrf'] !== '1') throw new Refusal(403, 'csrf_header_missing', 'Send X-Cloister-CSRF: 1 with the cookie.');
      const token = refresh_token ?? cookieOf(req);
      const user = world.refresh.get(token);
      if (!user) throw new Refusal(401, 'session_ended', 'The session has ended. Sign in again.');
      world.refresh.delete(token);
      signedIn(res, user);
    },
    'POST /v1/auth/sign-out': async (req, res) => {
      world.refresh.delete(cookieOf(req));
      answer(res, undefined, { status: 204, headers: { 'Set-Cookie': 'cloister_refresh=; Max-Age=0; HttpOnly; Path=/v1/auth' } });
    },
    'POST /v1/auth/password': async (req, res) => {
      const user = bearer(req);
      const { current_password, new_password } = await readJson(req);
      if (user.password !== undefined && user.password !== current_password) throw new Refusal(403, 'password_wrong', 'The current password is not right.');
      if ([...(new_password ?? '')].length < 12) throw new Refusal(422, 'password_too_short', 'Use at least 12 characters.');
      user.password = new_password;
      answer(res, undefined, { status: 204 });
    },
    'GET /v1/auth/sessions': async (req, res) => answer(res, sessionsOf(bearer(req))),
    'DELETE /v1/auth/sessions': async (req, res) => {
      const user = bearer(req);
      user.signIns = sessionsOf(user).filter(({ current }) => current);
      answer(res, undefined, { status: 204 });
    },
    'GET /v1/auth/me': async (req, res) => answer(res, world.principal(bearer(req))),
    'GET /v1/operator/tenants': async (req, res) => {
      if (!bearer(req).operator) throw new Refusal(404, 'not_found', 'There is nothing here.');
      answer(res, [...world.tenants.values()].map((tenant) => tenant.record).reverse(), { pagination: { per_page: 50, has_next: false } });
    },
    'POST /v1/operator/tenants': async (req, res) => {
      if (!bearer(req).operator) throw new Refusal(404, 'not_found', 'There is nothing here.');
      const { slug, name, plan = 'free', owner_email } = await readJson(req);
      if (world.tenants.has(slug)) throw new Refusal(409, 'tenant_exists', `The name “${slug}” is taken. Choose another.`);
      const tenant = world.addTenant(slug, name, plan);
      const owner = world.user(owner_email);
      owner.roles.set(slug, 'owner');
      answer(res, { tenant: tenant.record, owner_link: `http://${req.headers.host}/#/link/${world.link(owner)}` }, { status: 201 });
    },
  };

  /** What an operator does to one tenant. */
  async function changeTenant(req, res, id, what) {
    if (!bearer(req).operator) throw new Refusal(404, 'not_found', 'There is nothing here.');
    const { record } = [...world.tenants.values()].find((tenant) => tenant.record.id === id) ?? {};
    if (!record) throw new Refusal(404, 'tenant_not_found', 'There is no such tenant.');
    const { reason, plan, grace_s, confirm } = await readJson(req);
    if (!reason) throw new Refusal(422, 'invalid_value', 'Give a reason.');
    const status = { suspend: 'suspended', resume: 'active', offboard: 'offboarding' }[what];
    if (what === 'erase') {
      if (confirm !== record.slug) throw new Refusal(422, 'invalid_value', 'Type its name in addresses.');
      world.tenants.delete(record.slug);
      return answer(res, { slug: record.slug, reason });
    }
    if (plan) record.plan = plan;
    if (status) Object.assign(record, { status, status_reason: status === 'active' ? undefined : reason });
    record.erase_at = what === 'offboard' ? new Date(Date.now() + (grace_s ?? 2_592_000) * 1000).toISOString() : undefined;
    answer(res, record);
  }

  async function handle(req, res) {
    const url = new URL(req.url, `http://${req.headers.host}`);
    const operated = /^\/v1\/operator\/tenants\/([^/]+)(?:\/(suspend|resume|offboard|erase))?$/.exec(url.pathname);
    if (operated && (req.method === 'POST' || req.method === 'PATCH')) return changeTenant(req, res, operated[1], operated[2]);
    const ended = /^\/v1\/auth\/sessions\/(.+)$/.exec(url.pathname);
    if (ended && req.method === 'DELETE') {
      const user = bearer(req);
      user.signIns = sessionsOf(user).filter(({ id }) => id !== ended[1]);
      return answer(res, undefined, { status: 204 });
    }
    const fixed = auth[`${req.method} ${url.pathname}`];
    if (fixed) return fixed(req, res, url);
    const match = /^\/v1\/([^/]+)\/(.+)$/.exec(url.pathname);
    if (match) {
      const user = bearer(req);
      const tenant = world.tenants.get(match[1]);
      if (!tenant || !user.roles.has(match[1])) throw new Refusal(404, 'not_found', 'There is nothing here.');
      return tenantRoutes({ req, res, url, tenant, user, mock, path: match[2].split('/').map(decodeURIComponent) });
    }
    return serveConsole(url.pathname, res);
  }

  const server = createServer((req, res) => {
    handle(req, res).catch((error) => {
      if (res.headersSent) return res.destroy();
      problem(res, error instanceof Refusal ? error : new Refusal(500, 'host_fault', String(error.stack)));
    });
  });
  /** `seen`: which transports of the console were asked for. The switches do what a network or a host may do. */
  const mock = { server, world, ownerLink, operatorLink, invitation, tickets: new Map(), sockets: new Set(), seen: [], blockWebSockets: false, blockEvents: false, blockPolls: false, refuseRuns: false, compileMs: 0 };
  mock.cut = () => {
    server.closeAllConnections();
    for (const socket of mock.sockets) socket.terminate();
  };
  consoleSockets(mock);
  return mock;
}

async function serveConsole(path, res) {
  const headers = { 'Content-Security-Policy': POLICY, 'X-Content-Type-Options': 'nosniff', 'Referrer-Policy': 'no-referrer' };
  for (const candidate of [normalize(path).replace(/^\/+/, ''), 'index.html']) {
    if (candidate === '' || candidate.startsWith('..')) continue;
    try {
      const body = await readFile(join(DIST, candidate));
      const cached = candidate.startsWith('assets/') ? 'public, max-age=31536000, immutable' : 'no-cache';
      res.writeHead(200, { ...headers, 'Content-Type': TYPES[extname(candidate)] ?? 'application/octet-stream', 'Cache-Control': cached });
      return res.end(body);
    } catch {
      // Not a file of the build: the page itself answers, and its router says what is not there.
    }
  }
  res.writeHead(500);
  res.end('Build the console first.');
}

/** Listens on the loopback address only; port 0 takes a free one. */
export async function listen(mock, port = 0) {
  await new Promise((resolve) => mock.server.listen(port, '127.0.0.1', resolve));
  return `http://127.0.0.1:${mock.server.address().port}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const mock = createMock({ tokenLifetimeS: Number(process.env.MOCK_TOKEN_S ?? 300) });
  const base = await listen(mock, Number(process.env.PORT ?? 8099));
  console.log(`owner:    ${base}/#/link/${mock.ownerLink}`);
  console.log(`operator: ${base}/#/link/${mock.operatorLink}`);
  console.log(`invited:  ${base}/#/invitation/${mock.invitation}`);
}
