// A live view of log lines: history by pages, the tail by a stream, both into one store.
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { client } from '../api/client';
import { listLogs, logsPath, type LogFilter } from '../api/endpoints';
import { asProblem, type ApiProblem } from '../api/problem';
import type { LogLine } from '../api/types';
import { follow, type FollowState } from '../stream/follow';
import { httpTransport } from '../stream/http';
import { LogStore } from './log-store';

const PAGE_LINES = 200;

export interface Logs {
  store: LogStore;
  state: FollowState;
  /** Why the tail stands still, or why history could not be read. */
  problem: ApiProblem | undefined;
  gap: boolean;
  loading: boolean;
  hasOlder: boolean;
  loadOlder: () => void;
}

const beforePaint = (task: () => void) => {
  // A hidden tab paints nothing, and its store must not wait for the day it does.
  if (document.visibilityState === 'hidden') setTimeout(task, 250);
  else requestAnimationFrame(task);
};

/** The last lines of a run may be committed after its end was told. */
const GRACE_MS = 5_000;

/** `over`: nothing more will be written. A browser has few connections to a host, so the tail is then let go. */
export function useLogs(tenant: string, filter: LogFilter, over = false): Logs {
  const { run, command, stream, level, text } = filter;
  const view = useMemo(() => {
    const wanted: LogFilter = { run, command, stream, level, text };
    return { tenant, filter: wanted, store: new LogStore(beforePaint) };
  }, [tenant, run, command, stream, level, text]);
  const [state, setState] = useState<FollowState>('connecting');
  const [problem, setProblem] = useState<ApiProblem>();
  const [gap, setGap] = useState(false);
  const [loading, setLoading] = useState(true);
  const [cursor, setCursor] = useState<string>();
  const busy = useRef(false);
  const tail = useRef<AbortController>(undefined);

  useEffect(() => {
    const abort = new AbortController();
    tail.current = new AbortController();
    const following = AbortSignal.any([abort.signal, tail.current.signal]);
    setState('connecting');
    setProblem(undefined);
    setGap(false);
    setLoading(true);
    setCursor(undefined);
    busy.current = true;
    let opened = 0;
    let sawLine = false;
    // A tail that broke before its first line has no cursor to go on from; the newest page fills the hole.
    const catchUp = () => {
      listLogs(view.tenant, view.filter, PAGE_LINES, undefined, abort.signal)
        .then((page) => view.store.append(page.items))
        .catch(() => undefined);
    };
    // The tail first, then history: a line between the two comes by both ways and the store keeps it once.
    void follow({
      transport: httpTransport(client, logsPath(view.tenant, view.filter)),
      signal: following,
      onEvent: (event) => {
        if (event.event === 'gap') setGap(true);
        if (event.event !== 'line') return;
        sawLine = true;
        view.store.append([JSON.parse(event.data) as LogLine]);
      },
      onState: (next, why) => {
        setState(next);
        setProblem(why);
        if (next !== 'open') return;
        opened += 1;
        if (opened > 1 && !sawLine) catchUp();
      },
      onGap: () => setGap(true),
    });
    listLogs(view.tenant, view.filter, PAGE_LINES, undefined, abort.signal)
      .then((page) => {
        view.store.prepend(page.items);
        setCursor(page.cursor);
      })
      .catch((error: unknown) => {
        if (!abort.signal.aborted) setProblem(asProblem(error));
      })
      .finally(() => {
        busy.current = false;
        if (!abort.signal.aborted) setLoading(false);
      });
    return () => abort.abort();
  }, [view]);

  useEffect(() => {
    if (!over) return;
    const timer = setTimeout(() => tail.current?.abort(), GRACE_MS);
    return () => clearTimeout(timer);
  }, [view, over]);

  const loadOlder = useCallback(() => {
    if (busy.current || cursor === undefined) return;
    busy.current = true;
    const abort = new AbortController();
    listLogs(view.tenant, view.filter, PAGE_LINES, cursor, abort.signal)
      .then((page) => {
        view.store.prepend(page.items);
        setCursor(page.cursor);
      })
      .catch((error: unknown) => setProblem(asProblem(error)))
      .finally(() => {
        busy.current = false;
      });
  }, [view, cursor]);

  return { store: view.store, state, problem, gap, loading, hasOlder: cursor !== undefined, loadOlder };
}
