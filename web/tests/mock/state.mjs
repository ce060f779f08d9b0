// What the mock remembers: people, tenants, and per tenant its modules, deployments, runs, log and files.
import { randomBytes } from 'node:crypto';
import { permissionsOf } from './rights.mjs';

let counter = 0;
export const newId = (prefix) => `${prefix}_${Date.now().toString(36)}${(counter++).toString(36).padStart(4, '0')}${randomBytes(3).toString('hex')}`;

export class Tenant {
  constructor(slug, name, plan) {
    this.record = { id: newId('ten'), slug, name, plan, status: 'active', created_at: new Date().toISOString() };
    this.modules = new Map();
    this.deployments = new Map();
    this.runs = new Map();
    this.lines = [];
    this.followers = new Set();
    /** Ranges of lines that are damaged, and the last number that retention has deleted. */
    this.missing = [];
    this.trimmedLines = 0;
    this.roles = new Map();
    this.keys = new Map();
    this.secrets = new Map();
    this.masking = { tokens: true, emails: false, cards: false, patterns: [] };
    this.audit = [];
    this.auditFollowers = new Set();
    /** What each person typed, newest first. */
    this.history = new Map();
    this.sessions = new Map();
    this.endedSessions = new Set();
    this.watchers = new Set();
    this.changes = 0;
    this.files = new Map([['/', { kind: 'directory', at: new Date().toISOString() }]]);
  }

  /** Runs or sessions are others than before. */
  changed() {
    this.changes += 1;
    for (const watcher of this.watchers) watcher();
  }

  log(run, stream, text) {
    let fields;
    try {
      if (text.startsWith('{')) fields = JSON.parse(text);
    } catch {
      // Not JSON after all.
    }
    const level = fields?.level ?? /^\s*(?:\[?(TRACE|DEBUG|INFO|WARN|ERROR)\]?)\b/i.exec(text)?.[1]?.toLowerCase();
    const line = { seq: this.lines.length + 1, time: new Date().toISOString().replace('Z', '000Z'), run: run.id, command: run.command, stream, text };
    if (level) line.level = level;
    if (fields) line.fields = fields;
    this.lines.push(line);
    for (const follower of this.followers) follower(line);
  }
}

export class World {
  tenants = new Map();
  users = new Map();
  links = new Map();
  invitations = new Map();
  refresh = new Map();
  access = new Map();

  addTenant(slug, name, plan = 'free') {
    const tenant = new Tenant(slug, name, plan);
    this.tenants.set(slug, tenant);
    return tenant;
  }

  user(email) {
    let user = this.users.get(email);
    if (!user) this.users.set(email, (user = { id: newId('usr'), email, operator: false, password: undefined, roles: new Map() }));
    return user;
  }

  link(user, token = randomBytes(18).toString('base64url')) {
    this.links.set(token, user);
    return token;
  }

  invite(email, slug, role, token = randomBytes(18).toString('base64url')) {
    this.invitations.set(token, { email, slug, role });
    return token;
  }

  principal(user) {
    const memberships = [...user.roles].map(([slug, role]) => {
      const tenant = this.tenants.get(slug);
      return { tenant_id: tenant.record.id, slug, name: tenant.record.name, role, permissions: permissionsOf(tenant, role) };
    });
    return { id: user.id, email: user.email, operator: user.operator, has_password: user.password !== undefined, memberships };
  }

  /** Short-lived on purpose when a test asks for it, so that silent renewal is seen. */
  tokens(user, lifetimeS) {
    const access = randomBytes(24).toString('base64url');
    const refresh = randomBytes(24).toString('base64url');
    this.access.set(access, { user, until: Date.now() + lifetimeS * 1000 });
    this.refresh.set(refresh, user);
    return { access_token: access, token_type: 'Bearer', expires_in_s: lifetimeS, refresh_token: refresh, principal: this.principal(user) };
  }
}

/** Two tenants with one owner, and an operator. */
export function demoWorld() {
  const world = new World();
  world.addTenant('acme', 'Acme Works', 'professional');
  world.addTenant('globex', 'Globex');
  const owner = world.user('ada@acme.example');
  owner.roles.set('acme', 'owner');
  owner.roles.set('globex', 'developer');
  const operator = world.user('operator@host.example');
  operator.operator = true;
  return { world, ownerLink: world.link(owner), operatorLink: world.link(operator), invitation: world.invite('grace@acme.example', 'acme', 'developer') };
}
