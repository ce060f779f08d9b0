// The one connection of a tab: subscriptions over whichever transport works, resumed after every cut. Knows no screen.
import type { ApiProblem } from '../../api/problem';
import { backoffMs } from '../backoff';
import { Ladder, SHORT_LIFE_MS, type LadderMemory } from './ladder';
import { Outbox } from './outbox';
import { Place, type SubscriptionSpec } from './place';
import type { ClientMessage, ConsoleEvent, Framed } from './protocol';
import type { Link, LinkEnd, Transport, TransportKind } from './transport';

/** Input that is not accepted while nothing at all comes: the connection is dead, whatever the socket says. */
export const INPUT_SILENCE_MS = 10_000;
/** So many of the host's heartbeats missing in a row, and the connection is dead. */
const MISSED_HEARTBEATS = 2;
/** The same hole so often, and it is believed. */
const MAX_SAME_HOLE = 3;
/** Input that the guest has no room for yet, or that came too early, is sent again after this. */
const AGAIN_MS = 250;
/** Numbers refused so often without one accepted: what they number is given up. */
const MAX_OUT_OF_ORDER = 5;
/** A `Retry-After` is followed up to this. */
const RETRY_AFTER_MAX_MS = 60_000;
const CHANNELS = 256;
/** The host's bound on one connection. */
const MAX_SUBSCRIPTIONS = 32;

export interface ConsoleState {
  phase: 'idle' | 'connecting' | 'open' | 'waiting' | 'ended';
  transport: TransportKind | undefined;
  /** Why it waits or has ended. */
  problem: ApiProblem | undefined;
  /** When the next attempt is made, while it waits. */
  retryAtMs: number | undefined;
}

export interface ConsoleDeps {
  transports: readonly Transport[];
  memory: LadderMemory;
  /** In [0, 1). */
  random: () => number;
  now: () => number;
  /** A new id for input to be numbered under. */
  newClient: () => string;
}

/** May give a promise: a transport that can wait then does not read on. */
export type Handler = (event: ConsoleEvent) => void | Promise<void>;

export interface Subscribed {
  unsubscribe(): void;
}

interface Lane {
  outbox: Outbox;
  /** Set while what is under way must wait before it is sent again. */
  again: ReturnType<typeof setTimeout> | undefined;
  outOfOrder: number;
}

interface Entry {
  place: Place;
  handler: Handler;
  holeAt: number;
  holes: number;
}

export class ConsoleConnection {
  private state: ConsoleState = { phase: 'idle', transport: undefined, problem: undefined, retryAtMs: undefined };
  private readonly deps: ConsoleDeps;
  private readonly ladder: Ladder;
  private readonly listeners = new Set<() => void>();
  private readonly entries = new Map<number, Entry>();
  private readonly pending = new Map<string, ClientMessage>();
  private readonly client: string;
  private readonly lanes = new Map<string, Lane>();
  private nextCh = 0;
  private link: Link | undefined;
  private candidate: Link | undefined;
  private openedAtMs: number | undefined;
  /** Since when a worse transport serves, or a better one was last tried in vain. */
  private worseSinceMs: number | undefined;
  private failures = 0;
  /** How often the host says something whatever happens; unknown before its `hello`, which a poll never has. */
  private heartbeatMs: number | undefined;
  private heardAtMs = 0;
  private timers = new Map<'retry' | 'better' | 'silence' | 'input', ReturnType<typeof setTimeout>>();

  constructor(deps: ConsoleDeps) {
    this.deps = deps;
    this.ladder = new Ladder(deps.memory, deps.now());
    this.client = deps.newClient();
  }

  getState = (): ConsoleState => this.state;

  onState = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  /** Begins at once, or as soon as there is a connection. At most 32 at a time. */
  subscribe(spec: SubscriptionSpec, handler: Handler): Subscribed {
    const ch = this.freeChannel();
    this.entries.set(ch, { place: new Place(ch, spec), handler, holeAt: -1, holes: 0 });
    if (this.state.phase === 'idle') this.connect();
    else if (this.state.phase === 'open') this.link?.subscribe(this.places());
    return {
      unsubscribe: () => {
        if (!this.entries.delete(ch)) return;
        if (this.entries.size === 0) this.rest();
        else if (this.state.phase === 'open') this.link?.subscribe(this.places());
      },
    };
  }

  /** Typed bytes, each taken by the host exactly once. False when too much waits already: nothing of it is sent. */
  type(session: string, bytes: Uint8Array): boolean {
    const taken = this.lane(session).outbox.push(bytes);
    this.pump();
    return taken;
  }

  /** Goes past all input. Without a connection the last one of each kind is kept for the next. */
  say(message: ClientMessage): void {
    if (message.type === 'resize') {
      for (const { place } of this.entries.values()) if (place.isSession(message.session)) place.resize(message.columns, message.lines);
    }
    if (this.state.phase === 'open') this.link?.message(message);
    // A new connection asks from its own place and at its own size.
    else if (message.type !== 'ack' && message.type !== 'resize') this.pending.set(`${message.type} ${message.session}`, message);
  }

  /** Typed bytes that the host has not accepted. */
  unacceptedBytes(session: string): number {
    return this.lanes.get(session)?.outbox.unacceptedBytes ?? 0;
  }

  /** The session is over: what waits for it is dropped. */
  forget(session: string): void {
    clearTimeout(this.lanes.get(session)?.again);
    this.lanes.delete(session);
  }

  /** Tries at once: a person asked, or the network came back. */
  retry(): void {
    if (this.state.phase === 'waiting' || this.state.phase === 'ended') {
      this.failures = 0;
      this.connect();
    }
  }

  /** For good: the tenant or the person changed. */
  close(): void {
    this.entries.clear();
    for (const session of [...this.lanes.keys()]) this.forget(session);
    this.rest();
  }

  private lane(session: string): Lane {
    const known = this.lanes.get(session);
    if (known) return known;
    const lane = { outbox: new Outbox(), again: undefined, outOfOrder: 0 };
    this.lanes.set(session, lane);
    return lane;
  }

  private rest(): void {
    this.drop();
    this.pending.clear();
    this.set({ phase: 'idle', transport: undefined, problem: undefined, retryAtMs: undefined });
  }

  private connect(): void {
    this.drop();
    this.set({ phase: 'connecting', transport: this.state.transport, problem: undefined, retryAtMs: undefined });
    this.link = this.open(this.ladder.kind, (link) => this.link === link);
  }

  private open(kind: TransportKind, isCurrent: (link: Link) => boolean): Link {
    const transport = this.deps.transports.find((candidate) => candidate.kind === kind);
    if (!transport) throw new Error(`There is no transport ${kind}.`);
    // A transport may call back before `open` returns; nothing is known about it then.
    let link: Link | undefined;
    const ifCurrent = <A extends unknown[], R>(act: (link: Link, ...args: A) => R) => {
      return (...args: A): R | undefined => (link && isCurrent(link) ? act(link, ...args) : undefined);
    };
    link = transport.open({
      client: this.client,
      places: () => this.places(),
      sink: {
        onOpen: ifCurrent((self) => this.opened(self)),
        onEvent: (framed) => (link && this.link === link ? this.handle(framed) : undefined),
        onAlive: ifCurrent((self) => this.link === self && this.alive()),
        onEnd: ifCurrent((self, end: LinkEnd) => this.ended(self, end)),
      },
    });
    return link;
  }

  private opened(link: Link): void {
    if (link === this.candidate) {
      this.candidate = undefined;
      const old = this.link;
      this.link = link;
      old?.close();
      this.ladder.climbed(link.kind, this.deps.now());
    } else {
      this.ladder.opened(this.deps.now());
    }
    this.openedAtMs = this.deps.now();
    this.set({ phase: 'open', transport: link.kind, problem: undefined, retryAtMs: undefined });
    link.subscribe(this.places());
    for (const [session, lane] of this.lanes) this.sendAgain(session, lane);
    for (const message of this.pending.values()) link.message(message);
    this.pending.clear();
    this.pump();
    this.lookForBetter();
  }

  private ended(link: Link, end: LinkEnd): void {
    if (link === this.candidate) {
      this.candidate = undefined;
      this.ladder.betterFailed();
      this.worseSinceMs = this.deps.now();
      this.lookForBetter();
      return;
    }
    const livedMs = this.openedAtMs === undefined ? undefined : this.deps.now() - this.openedAtMs;
    this.drop();
    if (end.final) {
      this.set({ phase: 'ended', transport: this.state.transport, problem: end.problem, retryAtMs: undefined });
      return;
    }
    if (livedMs === undefined) {
      // Shut or down: the next way is tried without a wait, so that nobody notices when only this one is shut.
      if (this.ladder.next()) return this.connect();
    } else {
      if (livedMs >= SHORT_LIFE_MS) this.failures = 0;
      this.ladder.ended(livedMs);
    }
    this.failures += 1;
    const waitMs = Math.max(backoffMs(this.failures, this.deps.random), Math.min(end.problem?.retryAfterMs ?? 0, RETRY_AFTER_MAX_MS));
    this.set({ phase: 'waiting', transport: this.state.transport, problem: end.problem, retryAtMs: this.deps.now() + waitMs });
    this.after('retry', waitMs, () => this.connect());
  }

  private handle(framed: Framed): void | Promise<void> {
    const { event } = framed;
    if (event.type === 'hello') this.heartbeatMs = event.heartbeat_s * 1000;
    this.alive();
    if (event.type === 'hello' || event.type === 'heartbeat') return;
    if (event.type === 'accepted') {
      const lane = this.lanes.get(event.session);
      if (lane) lane.outOfOrder = 0;
      lane?.outbox.accepted(event.seq);
      this.stop('input');
      return this.pump();
    }
    if (event.type === 'error' && event.session !== undefined && event.seq !== undefined) this.refused(event.session, event.seq, event.code, event.expected);
    if (framed.ch === undefined && event.type === 'error' && event.session !== undefined) return this.tellSession(event.session, event);
    const entry = framed.ch === undefined ? undefined : this.entries.get(framed.ch);
    if (!entry) return;
    const admitted = entry.place.admit(framed);
    if (admitted === 'hole') return this.hole(entry, framed);
    if (admitted) return entry.handler(admitted);
  }

  /** Input that was not taken: sent again a little later when the host says what it expects, else dropped. */
  private refused(session: string, seq: number, code: string, expected: number | undefined): void {
    const lane = this.lanes.get(session);
    if (!lane) return;
    if (expected === undefined) return lane.outbox.refused(seq);
    // Everything that was under way is answered so; once is enough.
    if (lane.again !== undefined) return;
    lane.outOfOrder = code === 'out_of_order' ? lane.outOfOrder + 1 : 0;
    if (lane.outOfOrder > MAX_OUT_OF_ORDER) {
      lane.outOfOrder = 0;
      return lane.outbox.refused(expected);
    }
    lane.outbox.expect(expected);
    lane.again = setTimeout(() => this.sendAgain(session, lane), AGAIN_MS);
  }

  private sendAgain(session: string, lane: Lane): void {
    clearTimeout(lane.again);
    lane.again = undefined;
    if (this.state.phase !== 'open') return;
    for (const input of lane.outbox.again()) this.link?.input({ ...input, session });
    this.pump();
  }

  /** A refusal that names a session and no subscription. */
  private tellSession(session: string, event: ConsoleEvent & { type: 'error' }): void {
    // What is sent again by itself is nobody's worry.
    if (event.expected !== undefined) return;
    for (const { place, handler } of this.entries.values()) if (place.isSession(session)) void handler(event);
  }

  /** Something was lost on the way: begin again from what was handled, and believe the hole when it is there each time. */
  private hole(entry: Entry, framed: Framed): void | Promise<void> {
    const at = framed.event.type === 'bytes' ? framed.event.offset : 0;
    entry.holes = entry.holeAt === at ? entry.holes + 1 : 1;
    entry.holeAt = at;
    if (entry.holes < MAX_SAME_HOLE) {
      const link = this.link;
      if (link) this.ended(link, { final: false });
      return;
    }
    entry.holes = 0;
    const gap = entry.place.giveUp(framed);
    if (gap) void entry.handler(gap);
    const admitted = entry.place.admit(framed);
    if (admitted && admitted !== 'hole') return entry.handler(admitted);
  }

  private pump(): void {
    if (this.state.phase !== 'open' || !this.link) return;
    // POSTs may overtake each other; a socket keeps their order by itself.
    const maxInFlight = this.link.kind === 'websocket' ? Infinity : 1;
    for (const [session, { outbox, again }] of this.lanes) {
      if (again === undefined) for (const input of outbox.take(maxInFlight)) this.link.input({ ...input, session });
    }
    if (this.awaitsAnswer() && !this.timers.has('input')) this.after('input', INPUT_SILENCE_MS, () => this.silent());
  }

  private awaitsAnswer(): boolean {
    return [...this.lanes.values()].some(({ outbox }) => outbox.again().length > 0);
  }

  private alive(): void {
    if (this.timers.has('input')) {
      this.stop('input');
      if (this.awaitsAnswer()) this.after('input', INPUT_SILENCE_MS, () => this.silent());
    }
    this.heardAtMs = this.deps.now();
    if (!this.timers.has('silence')) this.listen();
  }

  /** One timer for all that comes: in a flood, setting one for each message costs more than reading it. */
  private listen(): void {
    if (this.heartbeatMs === undefined) return;
    const leftMs = this.heardAtMs + this.heartbeatMs * MISSED_HEARTBEATS - this.deps.now();
    if (leftMs <= 0) this.silent();
    else this.after('silence', leftMs, () => this.listen());
  }

  private silent(): void {
    if (this.link) this.ended(this.link, { final: false });
  }

  private lookForBetter(): void {
    const better = this.ladder.better();
    if (!better) this.worseSinceMs = undefined;
    if (!better || this.candidate) return;
    // Counted from there also over reconnections: a way that is cut again and again must not keep the better one away.
    this.worseSinceMs ??= this.deps.now();
    this.after('better', Math.max(0, this.worseSinceMs + better.afterMs - this.deps.now()), () => {
      this.candidate = this.open(better.kind, (link) => this.candidate === link || this.link === link);
    });
  }

  private places() {
    return [...this.entries.values()].map(({ place }) => place.resume());
  }

  /** Numbers go round, so that what is still under way for an old subscription is not taken for a new one's. */
  private freeChannel(): number {
    for (let tries = 0; tries < CHANNELS && this.entries.size < MAX_SUBSCRIPTIONS; tries++) {
      const ch = this.nextCh;
      this.nextCh = (this.nextCh + 1) % CHANNELS;
      if (!this.entries.has(ch)) return ch;
    }
    throw new Error('A page has at most 32 subscriptions.');
  }

  private drop(): void {
    for (const name of [...this.timers.keys()]) this.stop(name);
    const { link, candidate } = this;
    this.link = undefined;
    this.candidate = undefined;
    this.openedAtMs = undefined;
    this.heartbeatMs = undefined;
    link?.close();
    candidate?.close();
  }

  private after(name: 'retry' | 'better' | 'silence' | 'input', ms: number, act: () => void): void {
    this.stop(name);
    this.timers.set(
      name,
      setTimeout(() => {
        this.timers.delete(name);
        act();
      }, ms),
    );
  }

  private stop(name: 'retry' | 'better' | 'silence' | 'input'): void {
    clearTimeout(this.timers.get(name));
    this.timers.delete(name);
  }

  private set(state: ConsoleState): void {
    this.state = state;
    for (const listener of this.listeners) listener();
  }
}
