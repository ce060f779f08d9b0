// The small interface behind which WebSocket, server-sent events and long polling hide.
import type { ApiProblem } from '../../api/problem';
import type { Numbered } from './outbox';
import type { ClientMessage, Framed, Subscription } from './protocol';

export type TransportKind = 'websocket' | 'sse' | 'poll';

/** From the best to the one that always works. */
export const TRANSPORTS: readonly TransportKind[] = ['websocket', 'sse', 'poll'];

/** One chunk of typed bytes, and where it belongs. */
export interface SessionInput extends Numbered {
  session: string;
}

export interface LinkSink {
  /** The host has let us in; before this a failure counts against the transport. */
  onOpen: () => void;
  /** Awaited where the transport can wait; gives nothing back to a WebSocket. */
  onEvent: (framed: Framed) => void | Promise<void>;
  /** Something came, were it only a comment: the connection lives. */
  onAlive: () => void;
  /** Once, and nothing after it. */
  onEnd: (end: LinkEnd) => void;
}

export interface LinkEnd {
  /** Nothing but a person's wish makes another try sensible. */
  final: boolean;
  /** This way is shut, whatever the host thinks of us: a proxy, a policy, a missing subprotocol. */
  blocked?: boolean;
  problem?: ApiProblem | undefined;
}

/** One connection attempt and what it became. */
export interface Link {
  readonly kind: TransportKind;
  /** The whole list each time; what is new begins at its `from`. */
  subscribe(subscriptions: readonly Subscription[]): void;
  /** Sends; `accepted` says when. A failure to send ends the link, and what was not accepted is sent again on the next. */
  input(input: SessionInput): void;
  message(message: ClientMessage): void;
  close(): void;
}

export interface OpenOptions {
  /** The id under which input is numbered. */
  client: string;
  sink: LinkSink;
  /** Where each subscription stands. Asked for again whenever a transport has to begin anew. */
  places: () => readonly Subscription[];
}

export interface Transport {
  readonly kind: TransportKind;
  open(options: OpenOptions): Link;
}
