// Names for the ids of people, as far as the members of the tenant are known.
import { useQuery } from '@tanstack/react-query';
import { useCallback } from 'react';
import { listMembers } from '../../api/admin';
import { useMay } from '../../app/rights';
import { usePrincipal } from '../../app/shell';

const STALE_MS = 60_000;

/** An address, or nothing for whoever is no member of the first page: former members, keys, the operator. */
export type NameOf = (id: string) => string | undefined;

export function usePeople(tenant: string): NameOf {
  const may = useMay();
  const me = usePrincipal();
  const { data } = useQuery({ queryKey: ['people', tenant], queryFn: () => listMembers(tenant), enabled: may('member:read'), staleTime: STALE_MS });
  return useCallback((id) => (id === me.id ? 'You' : data?.items.find(({ user_id }) => user_id === id)?.email), [me.id, data]);
}
