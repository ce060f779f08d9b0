// What the signed-in person may do in the tenant on the screen. The host decides; this hides what it would refuse.
import { useCallback } from 'react';
import { allows } from '../lib/permissions';
import { usePrincipal, useTenant } from './shell';

export type May = (action: string, resource?: string) => boolean;

export function useRights(): readonly string[] {
  const tenant = useTenant();
  const place = usePrincipal().memberships.find(({ slug, tenant_id }) => slug === tenant || tenant_id === tenant);
  return place?.permissions ?? [];
}

export function useMay(): May {
  const rights = useRights();
  return useCallback((action, resource) => allows(rights, action, resource), [rights]);
}
