// The administration of a tenant: a tab for each part that this person may see.
import { Link, Outlet } from '@tanstack/react-router';
import { ADMIN_PARTS } from '../../app/admin-parts';
import { useMay } from '../../app/rights';
import { useTenant } from '../../app/shell';
import '../../styles/admin.css';

export default function AdminLayout() {
  const tenant = useTenant();
  const may = useMay();
  return (
    <div className="admin">
      <nav className="subnav" aria-label="Administration">
        {ADMIN_PARTS.filter(({ needs }) => may(needs)).map(({ to, label }) => (
          <Link key={to} to={to} params={{ tenant }} search={{}} className="subnav-link" activeProps={{ 'aria-current': 'page' }} activeOptions={{ includeSearch: false }}>
            {label}
          </Link>
        ))}
      </nav>
      <Outlet />
    </div>
  );
}
