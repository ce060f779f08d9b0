// The sessions that the page shows as tabs: one's own that are not put away, and others' that were opened to look at.
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useMemo, useState } from 'react';
import { createSession, listSessions } from '../../api/console';
import { usePrincipal } from '../../app/shell';
import { usePrefs } from '../../state/prefs';
import type { SessionInfo } from '../../stream/console/protocol';

/** Only a fall-back: what happens here asks at once. */
const REFRESH_MS = 10_000;
const OWNED_KEY = 'cloister-owned-sessions';
const NONE: string[] = [];

export const sessionsKey = (tenant: string) => ['console-sessions', tenant];

export function useSessions(tenant: string, current: string | undefined) {
  const principal = usePrincipal();
  const queries = useQueryClient();
  const key = `${principal.id} ${tenant}`;
  const away = usePrefs((prefs) => prefs.awaySessions[key]) ?? NONE;
  const setAwaySessions = usePrefs((prefs) => prefs.setAwaySessions);
  // What was shown here stays until it is closed, also when it has ended meanwhile.
  const [shown, setShown] = useState<ReadonlyMap<string, SessionInfo>>(new Map());
  const list = useQuery({ queryKey: sessionsKey(tenant), queryFn: () => listSessions(tenant), refetchInterval: REFRESH_MS });
  const known = useMemo(() => [...(list.data ?? [])].sort((a, b) => (a.created_at < b.created_at ? -1 : 1)), [list.data]);

  useEffect(() => {
    const info = known.find(({ id }) => id === current);
    if (info) setShown((before) => new Map(before).set(info.id, info));
  }, [known, current]);

  const isMine = (info: SessionInfo) => info.created_by === principal.id;
  const alive = new Map(known.map((info) => [info.id, info]));
  const tabs = [...known.filter((info) => (isMine(info) && !away.includes(info.id)) || info.id === current || shown.has(info.id)), ...[...shown.values()].filter(({ id }) => !alive.has(id))];
  const others = known.filter((info) => !tabs.includes(info));

  const putAway = (id: string) => {
    setShown((before) => new Map([...before].filter(([other]) => other !== id)));
    setAwaySessions(key, [...away.filter((other) => other !== id && alive.has(other)), ...(alive.has(id) ? [id] : [])]);
  };
  const bringBack = (id: string) => setAwaySessions(key, away.filter((other) => other !== id));
  const create = useMutation({
    mutationFn: () => createSession(tenant, { name: freeName(known), columns: 80, lines: 24 }),
    onSuccess: (info) => {
      markOwned(info.id, true);
      queries.setQueryData(sessionsKey(tenant), (before: SessionInfo[] | undefined) => [...(before ?? []), info]);
    },
  });
  const refresh = () => void queries.invalidateQueries({ queryKey: sessionsKey(tenant) });
  return { list, tabs, others, isMine, create, putAway, bringBack, refresh };
}

function freeName(known: SessionInfo[]): string {
  for (let number = 1; ; number++) {
    const name = `Terminal ${number}`;
    if (!known.some((info) => info.name === name)) return name;
  }
}

/** Of this tab, over reloads: it types on where it typed, while another tab looks on. */
function owned(): string[] {
  try {
    return JSON.parse(sessionStorage.getItem(OWNED_KEY) ?? '[]') as string[];
  } catch {
    return [];
  }
}

export function markOwned(id: string, isOwner: boolean): void {
  const rest = owned().filter((other) => other !== id);
  try {
    sessionStorage.setItem(OWNED_KEY, JSON.stringify(isOwner ? [...rest, id].slice(-50) : rest));
  } catch {
    // Without storage a reloaded tab looks on first.
  }
}

/** Nobody's typing is cut off by merely opening a second tab. */
export function firstRole(info: SessionInfo, isMine: boolean): 'owner' | 'viewer' {
  return isMine && (!info.owned || owned().includes(info.id)) ? 'owner' : 'viewer';
}
