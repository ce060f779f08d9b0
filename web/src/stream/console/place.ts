// Where one subscription stands: what was handled, so that nothing is shown twice and nothing is skipped in silence.
import type { ConsoleEvent, Framed, Subscription } from './protocol';

type WithoutCh<T> = T extends unknown ? Omit<T, 'ch'> : never;
export type SubscriptionSpec = WithoutCh<Subscription>;

export class Place {
  readonly ch: number;
  private spec: SubscriptionSpec;
  /** Of a session's bytes: the offset after the last one handled. */
  private offset: number | undefined;
  private cursor: string | undefined;
  /** Of a session's marks and modes: the number after the last one handled; undefined before the first attachment. */
  private marks: number | undefined;
  private readonly streams = { stdout: 0, stderr: 0 };

  constructor(ch: number, spec: SubscriptionSpec) {
    this.ch = ch;
    this.spec = spec;
    if (spec.channel === 'commands') this.offset = spec.from;
    if (spec.channel === 'logs') this.cursor = spec.from;
    if (spec.channel === 'output' && spec.from) {
      const [stdout, stderr] = spec.from.split('.').map(Number);
      this.streams.stdout = stdout ?? 0;
      this.streams.stderr = stderr ?? 0;
    }
  }

  /** The subscription as a new connection must ask for it. */
  resume(): Subscription {
    const { ch, spec } = this;
    switch (spec.channel) {
      case 'commands':
        if (this.marks === undefined) return { ...spec, ch };
        // A connection that comes back must not take a session from who took it over meanwhile.
        return { ...spec, ch, from: this.offset ?? 0, marks: this.marks, mode: 'resume' };
      case 'logs': {
        if (this.cursor === undefined) return { ...spec, ch };
        const { last: _, ...rest } = spec;
        return { ...rest, ch, from: this.cursor };
      }
      case 'output':
        return { ...spec, ch, from: `${this.streams.stdout}.${this.streams.stderr}` };
      case 'system':
        return { ...spec, ch };
    }
  }

  /** Remembered for the next connection; the host of this one is told by a message. */
  resize(columns: number, lines: number): void {
    if (this.spec.channel === 'commands') this.spec = { ...this.spec, columns, lines };
  }

  isSession(session: string): boolean {
    return this.spec.channel === 'commands' && this.spec.session === session;
  }

  /** What of an event is new, or `hole` when something before it is missing. */
  admit({ event, cursor }: Framed): ConsoleEvent | undefined | 'hole' {
    if (this.spec.channel === 'logs' && cursor !== undefined) this.cursor = cursor;
    switch (event.type) {
      case 'attached':
        return this.attached(event);
      case 'bytes':
        return this.spec.channel === 'commands' || this.spec.channel === 'output' ? this.bytes(event) : undefined;
      case 'gap':
        return this.gap(event);
      case 'mark':
      case 'mode':
        if (event.n < (this.marks ?? 0)) return undefined;
        this.marks = event.n + 1;
        return event;
      case 'hello':
      case 'accepted':
      case 'heartbeat':
        return undefined;
      default:
        return event;
    }
  }

  /** Takes a hole for a gap: the host insists that there is nothing in between. */
  giveUp({ event }: Framed): ConsoleEvent | undefined {
    if (event.type !== 'bytes') return undefined;
    const from = this.at(event.stream);
    this.move(event.stream, event.offset);
    return { type: 'gap', from, to: event.offset, count: event.offset - from };
  }

  private attached(event: ConsoleEvent & { type: 'attached' }): ConsoleEvent {
    this.marks = Math.max(this.marks ?? 0, ...event.marks.map(({ n }) => n + 1));
    const known = this.offset;
    const isElsewhere = known !== undefined && (event.from > known || event.size < known);
    if (known === undefined || event.truncated || isElsewhere) this.offset = event.from;
    // The gap that follows says the same.
    return isElsewhere ? { ...event, truncated: true } : event;
  }

  private bytes(event: ConsoleEvent & { type: 'bytes' }): ConsoleEvent | undefined | 'hole' {
    const at = this.at(event.stream);
    const end = event.offset + event.bytes.length;
    if (end <= at) return undefined;
    if (event.offset > at) return 'hole';
    this.move(event.stream, end);
    if (event.offset === at) return event;
    return { ...event, offset: at, bytes: event.bytes.subarray(at - event.offset) };
  }

  private gap(event: ConsoleEvent & { type: 'gap' }): ConsoleEvent | undefined {
    if (this.spec.channel !== 'commands' && this.spec.channel !== 'output') return event;
    const stream = this.spec.channel === 'commands' ? 'terminal' : (event.stream ?? 'stdout');
    const at = this.at(stream);
    if (event.to <= at) return undefined;
    this.move(stream, event.to);
    const from = Math.max(at, event.from);
    return { ...event, from, count: event.to - from };
  }

  private at(stream: 'terminal' | 'stdout' | 'stderr'): number {
    return stream === 'terminal' ? (this.offset ?? 0) : this.streams[stream];
  }

  private move(stream: 'terminal' | 'stdout' | 'stderr', to: number): void {
    if (stream === 'terminal') this.offset = to;
    else this.streams[stream] = to;
  }
}
