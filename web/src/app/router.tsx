// Every URL of the console and its typed search parameters.
import { createRootRoute, createRoute, createRouter, lazyRouteComponent, Outlet, parseSearchWith, redirect, stringifySearchWith } from '@tanstack/react-router';
import { CommandsPage } from '../pages/commands';
import { FilesPage } from '../pages/files';
import { LogsPage } from '../pages/logs';
import { ModulesPage } from '../pages/modules';
import { OperatorPage } from '../pages/operator';
import { RunsPage } from '../pages/runs';
import { Waiting } from '../ui/parts';
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

const root = createRootRoute({ component: Outlet, notFoundComponent: NotFound });
const home = createRoute({ getParentRoute: () => root, path: '/', component: Home });
const operator = createRoute({ getParentRoute: () => root, path: '/operator', component: OperatorPage });
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
/** In a chunk of its own, with the terminal library. */
const terminal = createRoute({
  getParentRoute: () => tenant,
  path: 'terminal',
  validateSearch: texts('session'),
  component: lazyRouteComponent(() => import('../pages/terminal/page')),
  pendingComponent: () => <Waiting />,
});
const runs = createRoute({ getParentRoute: () => tenant, path: 'runs', validateSearch: texts('status', 'command'), component: RunsPage });
const logs = createRoute({
  getParentRoute: () => tenant,
  path: 'logs',
  validateSearch: logSearch,
  component: LogsPage,
});
const modules = createRoute({ getParentRoute: () => tenant, path: 'modules', validateSearch: texts('digest'), component: ModulesPage });
const files = createRoute({ getParentRoute: () => tenant, path: 'files', validateSearch: texts('path'), component: FilesPage });

export const router = createRouter({
  routeTree: root.addChildren([home, operator, tenant.addChildren([tenantIndex, terminal, commands, runs, logs, modules, files])]),
  // The API's filters are all text: `?text=7` is no number, and `?line=7` needs no quotes.
  parseSearch: parseSearchWith((value) => value),
  stringifySearch: stringifySearchWith(JSON.stringify),
  defaultPreload: false,
  scrollRestoration: false,
});

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}
