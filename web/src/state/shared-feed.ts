// One feed over the page's one connection, or by a stream of its own where this person, or the host, cannot have it there.
import type { ApiProblem } from '../api/problem';
import type { ConsoleState, Subscribed } from '../stream/console/connection';
import type { FollowState } from '../stream/follow';

/** The part of `ConsoleConnection` that feeds need. */
export interface Shared {
  getState(): ConsoleState;
  onState(listener: () => void): () => void;
}

export interface SharedFeed {
  /** Begins on the connection. Called again after a rest. */
  subscribe: () => Subscribed;
  /** Begins on a stream of its own, and ends with the signal. */
  alone: () => void;
  state: (state: FollowState, problem: ApiProblem | undefined) => void;
}

export interface Running {
  /** Leaves the connection for good and goes on alone. */
  goAlone(): void;
  /** Leaves the connection until `resume`: what comes is more than can be shown. */
  rest(): void;
  resume(): void;
}

const STATES: Record<ConsoleState['phase'], FollowState> = { idle: 'connecting', connecting: 'connecting', open: 'open', waiting: 'waiting', ended: 'failed' };
const FORBIDDEN = 403;

export function runShared(connection: Shared, feed: SharedFeed, signal: AbortSignal): Running {
  let subscribed: Subscribed | undefined;
  let over = false;
  const stop = () => {
    over = true;
    forget();
    subscribed?.unsubscribe();
    subscribed = undefined;
  };
  const goAlone = () => {
    if (over) return;
    stop();
    feed.alone();
  };
  const tell = () => {
    if (over) return;
    const { phase, problem } = connection.getState();
    // Terminals are for fewer people than what they may read.
    if (phase === 'ended' && problem?.status === FORBIDDEN) goAlone();
    else if (subscribed) feed.state(STATES[phase], problem);
  };
  const forget = connection.onState(tell);
  signal.addEventListener('abort', stop, { once: true });
  const resume = () => {
    if (over || subscribed || signal.aborted) return;
    subscribed = feed.subscribe();
    tell();
  };
  resume();
  return {
    goAlone,
    resume,
    rest: () => {
      subscribed?.unsubscribe();
      subscribed = undefined;
    },
  };
}
