// Where `/admin` leads: to the first part that this person may see.
import { Navigate } from '@tanstack/react-router';
import { ADMIN_PARTS } from './admin-parts';
import { useMay } from './rights';
import { NotFound, useTenant } from './shell';

export function AdminHome() {
  const tenant = useTenant();
  const may = useMay();
  const first = ADMIN_PARTS.find(({ needs }) => may(needs));
  return first ? <Navigate to={first.to} params={{ tenant }} replace /> : <NotFound />;
}
