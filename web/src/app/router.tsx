// Every URL of the console and its typed search parameters.
import { createRootRoute, createRoute, createRouter, lazyRouteComponent, Outlet, parseSearchWith, redirect, stringifySearchWith } from '@tanstack/react-router';
import { CommandsPage } from '../pages/commands';
import { LogsPage } from '../pages/logs';
import { RunsPage } from '../pages/runs';
import type { ComponentType } from 'react';
import { Waiting } from '../ui/parts';
import { AdminHome } from './admin-home';
import { NotFound, TenantShell } from './shell';
import { Home } from './home';

type Raw = Record<string, unknown>;

const text = (raw: Raw, name: string): string | undefined => {
  const value = raw[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
};

const texts =
  <K extends string>(...names: K[]) =>
  (raw: Raw): { [P in K]?: string } => {
    const out: { [P in K]?: string } = {};
    for (const name of names) {
      const value = text(raw, name);
      if (value !== undefined) out[name] = value;
    }
    return out;
  };

const logTexts = texts('run', 'command', 'workflow_run', 'step', 'stream', 'level', 'text', 'regex', 'from', 'to', 'line');

/** Fields are a JSON list in the URL; one alone may stand without brackets. */
function fields(value: unknown): string[] {
  if (typeof value !== 'string') return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : [];
  try {
    return value.startsWith('[') ? fields(JSON.parse(value)) : [value].filter(Boolean);
  } catch {
    return [value];
  }
}

function logSearch(raw: Raw) {
  const field = fields(raw.field);
  return field.length === 0 ? logTexts(raw) : { ...logTexts(raw), field };
}

/** A page in a chunk of its own. */
const lazy = (load: () => Promise<{ default: ComponentType }>) => ({ component: lazyRouteComponent(load), pendingComponent: () => <Waiting /> });

const root = createRootRoute({ component: Outlet, notFoundComponent: NotFound });
const home = createRoute({ getParentRoute: () => root, path: '/', component: Home });
const operator = createRoute({ getParentRoute: () => root, path: '/operator', ...lazy(() => import('../pages/operator')) });
const account = createRoute({ getParentRoute: () => root, path: '/account/sessions', ...lazy(() => import('../pages/account/sessions')) });
const tenant = createRoute({ getParentRoute: () => root, path: '/t/$tenant', component: TenantShell });
const tenantIndex = createRoute({
  getParentRoute: () => tenant,
  path: '/',
  beforeLoad: ({ params }) => {
    throw redirect({ to: '/t/$tenant/commands', params, replace: true });
  },
});
const commands = createRoute({
  getParentRoute: () => tenant,
  path: 'commands',
  validateSearch: texts('command', 'run'),
  component: CommandsPage,
});
const terminal = createRoute({ getParentRoute: () => tenant, path: 'terminal', validateSearch: texts('session'), ...lazy(() => import('../pages/terminal/page')) });
const history = createRoute({ getParentRoute: () => tenant, path: 'history', validateSearch: texts('text'), ...lazy(() => import('../pages/history')) });
const runs = createRoute({ getParentRoute: () => tenant, path: 'runs', validateSearch: texts('status', 'command'), component: RunsPage });
const logs = createRoute({
  getParentRoute: () => tenant,
  path: 'logs',
  validateSearch: logSearch,
  component: LogsPage,
});
const modules = createRoute({ getParentRoute: () => tenant, path: 'modules', validateSearch: texts('digest'), ...lazy(() => import('../pages/modules')) });
const files = createRoute({ getParentRoute: () => tenant, path: 'files', validateSearch: texts('path'), ...lazy(() => import('../pages/files')) });
const admin = createRoute({ getParentRoute: () => tenant, path: 'admin', ...lazy(() => import('../pages/admin/layout')) });
const adminIndex = createRoute({ getParentRoute: () => admin, path: '/', component: AdminHome });
const adminParts = [
  createRoute({ getParentRoute: () => admin, path: 'members', ...lazy(() => import('../pages/admin/members')) }),
  createRoute({ getParentRoute: () => admin, path: 'roles', ...lazy(() => import('../pages/admin/roles')) }),
  createRoute({ getParentRoute: () => admin, path: 'keys', ...lazy(() => import('../pages/admin/keys')) }),
  createRoute({ getParentRoute: () => admin, path: 'secrets', ...lazy(() => import('../pages/admin/secrets')) }),
  createRoute({ getParentRoute: () => admin, path: 'masking', ...lazy(() => import('../pages/admin/masking')) }),
  createRoute({
    getParentRoute: () => admin,
    path: 'audit',
    validateSearch: texts('actor', 'action', 'resource', 'outcome', 'from', 'to'),
    ...lazy(() => import('../pages/admin/audit')),
  }),
  createRoute({ getParentRoute: () => admin, path: 'usage', ...lazy(() => import('../pages/admin/usage')) }),
  createRoute({ getParentRoute: () => admin, path: 'settings', ...lazy(() => import('../pages/admin/settings')) }),
] as const;

export const router = createRouter({
  routeTree: root.addChildren([
    home,
    operator,
    account,
    tenant.addChildren([tenantIndex, terminal, history, commands, runs, logs, modules, files, admin.addChildren([adminIndex, ...adminParts])]),
  ]),
  // The API's filters are all text: `?text=7` is no number, and `?line=7` needs no quotes.
  parseSearch: parseSearchWith((value) => value),
  stringifySearch: stringifySearchWith(JSON.stringify),
  // The code of a page, when the pointer or the focus is on its link.
  defaultPreload: 'intent',
  scrollRestoration: false,
});

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}
