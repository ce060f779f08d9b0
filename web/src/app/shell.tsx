// The frame around every signed-in page: tenant, sections, theme, account.
import { Link, Outlet, useMatchRoute, useNavigate, useParams } from '@tanstack/react-router';
import { DropdownMenu } from 'radix-ui';
import { useEffect, type ComponentType, type ReactNode } from 'react';
import { auth } from '../api/client';
import type { Membership, Principal } from '../api/types';
import { allows } from '../lib/permissions';
import { usePrefs, type Theme } from '../state/prefs';
import { useSession } from '../state/session';
import { AdminIcon, CheckIcon, ChevronsIcon, CommandIcon, FilesIcon, LogsIcon, Mark, ModulesIcon, MoonIcon, RunsIcon, ScreenIcon, SunIcon, TenantsIcon, TerminalIcon, UserIcon } from '../ui/icons';
import { Empty } from '../ui/parts';
import { ADMIN_PARTS } from './admin-parts';
import { PasswordDialog } from './password';

export function usePrincipal(): Principal {
  const session = useSession((store) => store.session);
  if (session.status !== 'signed_in') throw new Error('A page that needs a session was shown without one.');
  return session.principal;
}

/** The tenant in the URL; pages below `TenantShell` always have one. */
export function useTenant(): string {
  return useParams({ from: '/t/$tenant' }).tenant;
}

/** The name of the page, in the tab's title and, for a screen reader, said after a change of page. */
export function useTitle(title: string): void {
  const set = useSession((store) => store.set);
  useEffect(() => {
    document.title = `${title} · Cloister`;
    set({ pageTitle: title });
  }, [title, set]);
}

/** A page that changes without a load says nothing by itself. */
function PageAnnouncer() {
  const title = useSession((store) => store.pageTitle);
  return (
    <p className="visually-hidden" role="status">
      {title}
    </p>
  );
}

const SECTIONS = [
  { to: '/t/$tenant/terminal', label: 'Terminal', needs: 'console:use', icon: TerminalIcon },
  { to: '/t/$tenant/commands', label: 'Commands', needs: 'deployment:read', icon: CommandIcon },
  { to: '/t/$tenant/runs', label: 'Runs', needs: 'run:read', icon: RunsIcon },
  { to: '/t/$tenant/logs', label: 'Logs', needs: 'log:read', icon: LogsIcon },
  { to: '/t/$tenant/modules', label: 'Modules', needs: 'module:read', icon: ModulesIcon },
  { to: '/t/$tenant/files', label: 'Files', needs: 'file:read', icon: FilesIcon },
  { to: '/t/$tenant/admin', label: 'Admin', needs: undefined, icon: AdminIcon },
] as const;

export function Frame({ membership, children }: { membership?: Membership | undefined; children: ReactNode }) {
  return (
    <div className={membership ? 'frame with-rail' : 'frame'}>
      <a className="skip" href="#content">
        Skip to content
      </a>
      <header className="topbar">
        <Link to="/" className="brand" aria-label="Cloister, start page">
          <Mark />
          <span className="brand-name">Cloister</span>
        </Link>
        <span className="topbar-line" aria-hidden="true" />
        <TenantSwitcher current={membership} />
        <span className="grow" />
        <ThemeMenu />
        <AccountMenu />
      </header>
      {membership && <Rail membership={membership} />}
      {children}
      <PageAnnouncer />
      <PasswordDialog />
    </div>
  );
}

export function TenantShell() {
  const principal = usePrincipal();
  const slug = useTenant();
  const membership = principal.memberships.find((candidate) => candidate.slug === slug || candidate.tenant_id === slug);
  const setLastTenant = usePrefs((prefs) => prefs.setLastTenant);
  useEffect(() => {
    if (membership) setLastTenant(membership.slug);
  }, [membership, setLastTenant]);
  if (!membership) return <NotFound />;
  return (
    <Frame membership={membership}>
      {/* A new tenant is a new page: nothing of the one before may stay on the screen. */}
      <main className="page" id="content" tabIndex={-1} key={membership.tenant_id}>
        <Outlet />
      </main>
    </Frame>
  );
}

function Rail({ membership: { slug, permissions } }: { membership: Membership }) {
  const mayAdminister = ADMIN_PARTS.some(({ needs }) => allows(permissions, needs));
  return (
    <nav className="rail" aria-label="Sections">
      {SECTIONS.filter(({ needs }) => (needs === undefined ? mayAdminister : allows(permissions, needs))).map(({ to, label, icon: Icon }) => (
        <Link key={to} to={to} params={{ tenant: slug }} search={{}} className="rail-link" activeProps={{ 'aria-current': 'page' }} activeOptions={{ includeSearch: false }}>
          <Icon />
          <span>{label}</span>
        </Link>
      ))}
    </nav>
  );
}

function TenantSwitcher({ current }: { current: Membership | undefined }) {
  const principal = usePrincipal();
  const navigate = useNavigate();
  const matchRoute = useMatchRoute();
  const others = principal.memberships.length > (current ? 1 : 0) || principal.operator;
  const label = current ? current.name : principal.operator ? 'Operator' : others ? 'Choose a tenant' : 'No tenant';
  const face = (
    <>
      <span className="tenant-name truncate">{label}</span>
      {current && <span className="tenant-role">{current.role}</span>}
    </>
  );
  if (!others || principal.memberships.length === 0) return <div className="tenant">{face}</div>;
  const go = (membership: Membership) => {
    // Stay in the same section, but without filters that name another tenant's things.
    const section = SECTIONS.find(({ to }) => matchRoute({ to, fuzzy: true })) ?? SECTIONS[1];
    void navigate({ to: section.to, params: { tenant: membership.slug }, search: {} });
  };
  return (
    <DropdownMenu.Root modal={false}>
      <DropdownMenu.Trigger className="tenant">
        {face}
        <span className="visually-hidden">Switch tenant</span>
        <ChevronsIcon size={16} />
      </DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content className="menu" align="start" sideOffset={6}>
          <DropdownMenu.Label className="menu-label">Tenants</DropdownMenu.Label>
          {principal.memberships.map((membership) => (
            <DropdownMenu.Item key={membership.tenant_id} className="menu-item" onSelect={() => go(membership)} textValue={membership.name}>
              <span className="grow truncate">
                {membership.name} <span className="muted">{membership.role}</span>
              </span>
              {membership === current && <CheckIcon size={16} />}
            </DropdownMenu.Item>
          ))}
          {principal.operator && (
            <>
              <DropdownMenu.Separator className="menu-line" />
              <DropdownMenu.Item className="menu-item" onSelect={() => void navigate({ to: '/operator' })}>
                <TenantsIcon size={16} /> Operator
              </DropdownMenu.Item>
            </>
          )}
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}

const THEMES: { theme: Theme; label: string; icon: ComponentType<{ size?: number }> }[] = [
  { theme: 'system', label: 'As the system', icon: ScreenIcon },
  { theme: 'light', label: 'Light', icon: SunIcon },
  { theme: 'dark', label: 'Dark', icon: MoonIcon },
];

export function ThemeMenu() {
  const { theme, setTheme } = usePrefs();
  const Current = THEMES.find((entry) => entry.theme === theme)?.icon ?? ScreenIcon;
  return (
    <DropdownMenu.Root modal={false}>
      <DropdownMenu.Trigger className="button quiet icon" aria-label="Theme" title="Theme">
        <Current />
      </DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content className="menu" align="end" sideOffset={6}>
          <DropdownMenu.RadioGroup value={theme} onValueChange={(value) => setTheme(value as Theme)}>
            {THEMES.map(({ theme: value, label, icon: Icon }) => (
              <DropdownMenu.RadioItem key={value} value={value} className="menu-item">
                <Icon size={16} />
                <span className="grow">{label}</span>
                <DropdownMenu.ItemIndicator>
                  <CheckIcon size={16} />
                </DropdownMenu.ItemIndicator>
              </DropdownMenu.RadioItem>
            ))}
          </DropdownMenu.RadioGroup>
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}

function AccountMenu() {
  const principal = usePrincipal();
  const set = useSession((store) => store.set);
  const navigate = useNavigate();
  return (
    <DropdownMenu.Root modal={false}>
      <DropdownMenu.Trigger className="button quiet icon" aria-label="Account" title="Account">
        <UserIcon />
      </DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content className="menu" align="end" sideOffset={6}>
          <DropdownMenu.Label className="menu-label">
            Signed in as <span className="menu-who">{principal.email}</span>
          </DropdownMenu.Label>
          <DropdownMenu.Item className="menu-item" onSelect={() => set({ offerPassword: true })}>
            {principal.has_password ? 'Change password' : 'Set a password'}
          </DropdownMenu.Item>
          <DropdownMenu.Item className="menu-item" onSelect={() => void navigate({ to: '/account/sessions' })}>
            Your sessions
          </DropdownMenu.Item>
          <DropdownMenu.Separator className="menu-line" />
          <DropdownMenu.Item className="menu-item" onSelect={() => void auth.signOut()}>
            Sign out
          </DropdownMenu.Item>
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}

/** The same words for what does not exist and for what belongs to someone else, as in the API. */
export function NotFound() {
  useTitle('Not found');
  return (
    <Frame>
      <main className="page" id="content" tabIndex={-1}>
        <Empty
          icon={<TenantsIcon size={28} />}
          title="There is nothing here"
          actions={
            <Link to="/" className="button">
              Go to the start page
            </Link>
          }
        >
          The address names nothing that you can see. It may have been removed, or belong to a tenant you are not a member of.
        </Empty>
      </main>
    </Frame>
  );
}
