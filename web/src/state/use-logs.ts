// A view of log lines: history by pages, and the live tail or the lines around one, all into one store.
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { listLogs, logContext, type LogFilter } from '../api/endpoints';
import { asProblem, type ApiProblem } from '../api/problem';
import type { LineRange, LogPage } from '../api/types';
import type { FollowState } from '../stream/follow';
import { LogStore, type Schedule } from './log-store';
import { tailLogs } from './log-tail';

const PAGE_LINES = 200;
/** On either side of a line that is shown in its context. */
const AROUND_LINES = 60;
/** The last lines of a run come after its end was told, and many take their time: the tail is let go when none came for so long. */
const QUIET_MS = 5_000;
const MAX_RANGES = 50;
/** History waits so long for the tail to be placed, so that nothing falls between the two. */
const PLACED_MS = 1_500;
/** Pages read to close the hole before a tail that was placed late. */
const MAX_CATCH_UP_PAGES = 25;

export interface Logs {
  store: LogStore;
  state: FollowState;
  /** Why the tail stands still, or why history could not be read. */
  problem: ApiProblem | undefined;
  /** Retention was faster than the tail. */
  gap: boolean;
  /** Lines that are damaged, or were gone before they could be shown. */
  missing: readonly LineRange[];
  loading: boolean;
  hasOlder: boolean;
  loadOlder: () => void;
  hasNewer: boolean;
  loadNewer: () => void;
}

export interface LogsOptions {
  /** Nothing more will be written: the tail is then let go. */
  over?: boolean;
  /** The number of a line to show with what is around it, instead of the tail. */
  line?: string | undefined;
}

/** Between two renders of a flood: the frames in between are free for scrolling and clicks. */
const FLOOD_REST_MS = 50;

const beforePaint: Schedule = (task, isFlood) => {
  // A hidden tab paints nothing, and its store must not wait for the day it does.
  if (document.visibilityState === 'hidden') setTimeout(task, 250);
  else if (isFlood) setTimeout(() => requestAnimationFrame(task), FLOOD_REST_MS);
  else requestAnimationFrame(task);
};

interface Cursors {
  older?: string | undefined;
  newer?: string | undefined;
}

export function useLogs(tenant: string, filter: LogFilter, { over = false, line }: LogsOptions = {}): Logs {
  const key = JSON.stringify(filter);
  const view = useMemo(() => ({ tenant, filter: JSON.parse(key) as LogFilter, line, store: new LogStore(beforePaint) }), [tenant, key, line]);
  const [state, setState] = useState<FollowState>('connecting');
  const [problem, setProblem] = useState<ApiProblem>();
  const [gap, setGap] = useState(false);
  const [missing, setMissing] = useState<readonly LineRange[]>([]);
  const [loading, setLoading] = useState(true);
  const [cursors, setCursors] = useState<Cursors>({});
  const busy = useRef(false);
  const tail = useRef<AbortController>(undefined);
  const lastLineMs = useRef(0);

  const addMissing = useCallback((ranges: readonly LineRange[]) => {
    if (ranges.length === 0) return;
    setMissing((before) => [...before.filter((known) => !ranges.some(({ first_seq }) => first_seq === known.first_seq)), ...ranges].slice(-MAX_RANGES));
  }, []);

  useEffect(() => {
    const abort = new AbortController();
    tail.current = new AbortController();
    setState('connecting');
    setProblem(undefined);
    setGap(false);
    setMissing([]);
    setLoading(true);
    setCursors({});
    busy.current = true;
    const read = (cursor?: string) => listLogs(view.tenant, view.filter, { limit: PAGE_LINES, cursor, signal: abort.signal });
    let begun = false;
    let ready: () => void = () => undefined;
    const placed = new Promise<void>((resolve) => {
      ready = resolve;
      setTimeout(resolve, PLACED_MS);
    });
    // The tail first, then history: a line between the two comes by both ways and the store keeps it once.
    if (view.line === undefined && view.filter.to === undefined) {
      const signal = AbortSignal.any([abort.signal, tail.current.signal]);
      tailLogs(
        view.tenant,
        view.filter,
        {
          lines: (lines) => {
            lastLineMs.current = performance.now();
            view.store.append(lines);
          },
          gap: (range) => {
            setGap(true);
            if (range) addMissing([range]);
          },
          state: (next, why) => {
            if (signal.aborted) return;
            setState(next);
            setProblem(why);
            if (next === 'failed') ready();
          },
          placed: () => {
            if (begun) void catchUp(view, read).catch(() => undefined);
            else ready();
          },
        },
        signal,
      );
    } else {
      setState('ended');
      ready();
    }
    placed
      .then(() => {
        begun = true;
        return begin(view, read, abort.signal);
      })
      .then(({ page, newer }) => {
        addMissing(page.missing);
        setCursors({ older: page.cursor, newer });
      })
      .catch((error: unknown) => {
        if (!abort.signal.aborted) setProblem(asProblem(error));
      })
      .finally(() => {
        busy.current = false;
        if (!abort.signal.aborted) setLoading(false);
      });
    return () => abort.abort();
  }, [view, addMissing]);

  useEffect(() => {
    if (!over) return;
    const since = performance.now();
    const timer = setInterval(() => {
      if (performance.now() - Math.max(since, lastLineMs.current) >= QUIET_MS) tail.current?.abort();
    }, QUIET_MS / 5);
    return () => clearInterval(timer);
  }, [view, over]);

  const load = (side: 'older' | 'newer') => {
    const cursor = cursors[side];
    if (busy.current || cursor === undefined) return;
    busy.current = true;
    listLogs(view.tenant, view.filter, { limit: PAGE_LINES, cursor, order: side === 'older' ? 'desc' : 'asc' })
      .then((page) => {
        if (side === 'older') view.store.prepend(page.items);
        else view.store.append(page.items);
        addMissing(page.missing);
        setCursors((before) => ({ ...before, [side]: page.cursor }));
      })
      .catch((error: unknown) => setProblem(asProblem(error)))
      .finally(() => {
        busy.current = false;
      });
  };
  const loadOlder = useCallback(() => load('older'), [view, cursors]);
  const loadNewer = useCallback(() => load('newer'), [view, cursors]);
  return { store: view.store, state, problem, gap, missing, loading, hasOlder: cursors.older !== undefined, loadOlder, hasNewer: cursors.newer !== undefined, loadNewer };
}

interface View {
  tenant: string;
  filter: LogFilter;
  line: string | undefined;
  store: LogStore;
}

/** Reads back from the newest line to those that are here already. */
async function catchUp(view: View, read: (cursor?: string) => Promise<LogPage>): Promise<void> {
  const newest = view.store.newest();
  let cursor: string | undefined;
  for (let pages = 0; pages < MAX_CATCH_UP_PAGES; pages++) {
    const page = await read(cursor);
    view.store.append(page.items);
    cursor = page.cursor;
    if (cursor === undefined || page.items.some(({ seq }) => seq <= newest)) return;
  }
}

/** The newest page, or a line with those around it. */
async function begin(view: View, read: () => Promise<LogPage>, signal: AbortSignal): Promise<{ page: Omit<LogPage, 'items'>; newer?: string }> {
  if (view.line === undefined) {
    const page = await read();
    view.store.prepend(page.items);
    return { page };
  }
  const { before, line, after, older, newer, missing = [] } = await logContext(view.tenant, view.line, view.filter, AROUND_LINES, signal);
  view.store.append([...before, line, ...after]);
  const page = older === undefined ? { missing } : { missing, cursor: older };
  return after.length < AROUND_LINES ? { page } : { page, newer };
}
