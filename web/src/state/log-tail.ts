// The tail of a log: over the page's one connection, or, where that cannot filter so, by a stream of its own.
import { client } from '../api/client';
import { logsPath, type LogFilter } from '../api/endpoints';
import { asProblem, type ApiProblem } from '../api/problem';
import type { LineRange, LogLine } from '../api/types';
import { follow, type FollowState } from '../stream/follow';
import { httpTransport } from '../stream/http';
import { consoleOf } from './console';
import { runShared } from './shared-feed';

export interface TailSink {
  lines: (lines: readonly LogLine[]) => void;
  /** Lines that retention took before they could be shown, or that are damaged; unknown which, when absent. */
  gap: (range: LineRange | undefined) => void;
  state: (state: FollowState, problem: ApiProblem | undefined) => void;
  /** From here on nothing is missed. What was written before is for whoever reads history to find. */
  placed: () => void;
}

export function tailLogs(tenant: string, filter: LogFilter, sink: TailSink, signal: AbortSignal): void {
  const connection = consoleOf(tenant);
  let placed = false;
  const wanted = Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== undefined)) as Record<string, string | string[]>;
  const subscribe = () =>
    connection.subscribe({ channel: 'logs', filter: wanted }, (event) => {
      if (event.type === 'error') {
        running.goAlone();
      } else if (event.type === 'lines') {
        sink.lines(event.lines);
      } else if (event.type === 'gap') {
        sink.gap(event.to >= event.from ? { first_seq: event.from, last_seq: event.to } : undefined);
      } else if (event.type === 'following' && !placed) {
        // Later ones follow a cut, after which it goes on from its cursor.
        placed = true;
        sink.placed();
      }
    });
  const running = runShared(connection, { subscribe, alone: () => followAlone(tenant, filter, sink, signal), state: sink.state }, signal);
}

function followAlone(tenant: string, filter: LogFilter, sink: TailSink, signal: AbortSignal): void {
  let hasCursor = false;
  void follow({
    transport: httpTransport(client, logsPath(tenant, filter)),
    signal,
    onEvent: (event) => {
      if (event.event === 'gap') sink.gap(JSON.parse(event.data) as LineRange);
      if (event.event !== 'line') return;
      hasCursor = true;
      sink.lines([JSON.parse(event.data) as LogLine]);
    },
    onState: (state, problem) => {
      sink.state(state, problem);
      if (state === 'open' && !hasCursor) sink.placed();
    },
    onGap: () => sink.gap(undefined),
  }).catch((error: unknown) => sink.state('failed', asProblem(error)));
}
