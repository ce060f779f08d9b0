// Where `/` leads: to the last tenant, to the only one, or to the operator's page.
import { Navigate } from '@tanstack/react-router';
import { usePrefs } from '../state/prefs';
import { Empty } from '../ui/parts';
import { TenantsIcon } from '../ui/icons';
import { Frame, usePrincipal } from './shell';

export function Home() {
  const principal = usePrincipal();
  const lastTenant = usePrefs((prefs) => prefs.lastTenant);
  const memberships = principal.memberships;
  const target = memberships.find((membership) => membership.slug === lastTenant) ?? memberships[0];
  if (target) return <Navigate to="/t/$tenant/commands" params={{ tenant: target.slug }} replace />;
  if (principal.operator) return <Navigate to="/operator" replace />;
  return (
    <Frame>
      <main className="page" id="content">
        <Empty icon={<TenantsIcon size={28} />} title="You belong to no tenant yet">
          Ask the owner of a tenant for an invitation. It comes as a one-time link that opens this page.
        </Empty>
      </main>
    </Frame>
  );
}
