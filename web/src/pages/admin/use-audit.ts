// Audit records by pages, and new ones as they are written.
import { useEffect, useState } from 'react';
import { auditPath, listAudit } from '../../api/admin';
import type { AuditFilter, AuditRecord } from '../../api/admin-types';
import { client } from '../../api/client';
import type { ApiProblem } from '../../api/problem';
import { follow, type FollowState } from '../../stream/follow';
import { httpTransport } from '../../stream/http';
import { usePages, type Paged } from '../../ui/data-table';

/** New records kept on the screen above the pages. */
const MAX_LIVE = 1_000;
/** A flood is shown in one go this often. */
const FLUSH_MS = 120;

export interface Audit {
  list: Paged<AuditRecord>;
  records: readonly AuditRecord[];
  live: FollowState | undefined;
  problem: ApiProblem | undefined;
}

/** Both by number, newest first; one that both have is taken once. */
export function withLive(live: readonly AuditRecord[], paged: readonly AuditRecord[]): AuditRecord[] {
  const known = new Set(paged.map(({ seq }) => seq));
  return [...live.filter(({ seq }) => !known.has(seq)), ...paged].sort((a, b) => b.seq - a.seq);
}

export function useAudit(tenant: string, filter: AuditFilter): Audit {
  const key = JSON.stringify(filter);
  const list = usePages(['audit', tenant, key], (cursor) => listAudit(tenant, filter, cursor));
  const [live, setLive] = useState<{ key: string; records: AuditRecord[] }>({ key, records: [] });
  const [state, setState] = useState<{ state: FollowState; problem?: ApiProblem | undefined }>({ state: 'connecting' });
  // The newest record of the first page: following begins after it, so that nothing falls between the two.
  const begin = list.query.isSuccess ? (list.items[0]?.seq ?? 0) : undefined;
  const isClosed = filter.to !== undefined;
  useEffect(() => {
    setLive({ key, records: [] });
    if (begin === undefined || isClosed) return;
    const abort = new AbortController();
    let waiting: AuditRecord[] = [];
    let timer: number | undefined;
    const flush = () => {
      timer = undefined;
      const fresh = waiting.reverse();
      waiting = [];
      setLive((before) => ({ key, records: [...fresh, ...before.records].slice(0, MAX_LIVE) }));
    };
    const wanted = JSON.parse(key) as AuditFilter;
    void follow({
      transport: httpTransport(client, auditPath(tenant, wanted)),
      signal: abort.signal,
      cursor: String(begin),
      onEvent: (event) => {
        if (event.event !== 'record') return;
        waiting.push(JSON.parse(event.data) as AuditRecord);
        timer ??= window.setTimeout(flush, FLUSH_MS);
      },
      onState: (next, problem) => setState({ state: next, problem }),
    });
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
    // Only where it begins: pages that are read later, or again, do not move that.
  }, [tenant, key, begin === undefined, isClosed]);
  const records = withLive(live.key === key ? live.records : [], list.items);
  return { list, records, live: isClosed ? undefined : state.state, problem: state.state === 'failed' ? state.problem : undefined };
}
