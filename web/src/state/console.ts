// The page's one console connection, for the tenant on the screen; and what it tells of itself.
import { useCallback, useEffect, useState, useSyncExternalStore } from 'react';
import { auth } from '../api/client';
import { consoleApi } from '../api/console';
import { ConsoleConnection, type ConsoleState } from '../stream/console/connection';
import type { LadderMemory } from '../stream/console/ladder';
import { pollTransport } from '../stream/console/poll';
import type { SystemState } from '../stream/console/protocol';
import { sseTransport } from '../stream/console/sse';
import { TRANSPORTS, type TransportKind } from '../stream/console/transport';
import { webSocketTransport } from '../stream/console/websocket';

const MEMORY_KEY = 'cloister-console-transport';

/** Per device: what a network lets through is the network's matter, not the person's. */
const memory: LadderMemory = {
  load() {
    try {
      const { kind, atMs } = JSON.parse(localStorage.getItem(MEMORY_KEY) ?? '') as { kind: TransportKind; atMs: number };
      return TRANSPORTS.includes(kind) && Number.isFinite(atMs) ? { kind, atMs } : undefined;
    } catch {
      return undefined;
    }
  },
  save(kind, atMs) {
    try {
      localStorage.setItem(MEMORY_KEY, JSON.stringify({ kind, atMs }));
    } catch {
      // Without storage it is found out again on each page.
    }
  },
};

const newClient = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');

let current: { tenant: string; connection: ConsoleConnection } | undefined;

/** The connection of this tenant. Another tenant's is closed: nothing of it may stay on the screen. */
export function consoleOf(tenant: string): ConsoleConnection {
  if (current?.tenant === tenant) return current.connection;
  current?.connection.close();
  const api = consoleApi(tenant);
  const transports = [webSocketTransport(api), sseTransport(api), pollTransport(api)];
  current = { tenant, connection: new ConsoleConnection({ transports, memory, random: Math.random, now: () => Date.now(), newClient }) };
  return current.connection;
}

auth.subscribe((event) => {
  if (event.kind === 'signed_in') return;
  current?.connection.close();
  current = undefined;
});

/** The network, or the person, is back: no reason to wait out a back-off. */
const hurry = () => {
  if (document.visibilityState === 'visible' && current?.connection.getState().phase === 'waiting') current.connection.retry();
};
globalThis.addEventListener?.('online', hurry);
globalThis.document?.addEventListener('visibilitychange', hurry);

export function useConsoleState(connection: ConsoleConnection): ConsoleState {
  return useSyncExternalStore(connection.onState, connection.getState);
}

export interface SystemView extends SystemState {
  /** Undefined before the first answer. */
  heardAtMs: number | undefined;
  /** What is shown may have changed since: there is no connection. */
  stale: boolean;
  connection: ConsoleState;
  retry: () => void;
}

/** Usage, runs and sessions of the tenant as they change. */
export function useSystem(tenant: string): SystemView {
  const connection = consoleOf(tenant);
  const state = useConsoleState(connection);
  const [heard, setHeard] = useState<{ system: SystemState; atMs: number }>();
  useEffect(() => {
    setHeard(undefined);
    const { unsubscribe } = connection.subscribe({ channel: 'system' }, (event) => {
      if (event.type !== 'snapshot' && event.type !== 'changed') return;
      const { type, usage, runs, sessions } = event;
      const fresh = Object.fromEntries(Object.entries({ usage, runs, sessions }).filter(([, value]) => value !== undefined)) as SystemState;
      setHeard((before) => ({ system: type === 'snapshot' ? fresh : { ...before?.system, ...fresh }, atMs: Date.now() }));
    });
    return unsubscribe;
  }, [connection]);
  const retry = useCallback(() => connection.retry(), [connection]);
  return { ...heard?.system, heardAtMs: heard?.atMs, stale: heard !== undefined && state.phase !== 'open', connection: state, retry };
}
