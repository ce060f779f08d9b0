// A host for tests: one session's bytes and one client's input, over all three transports, cut wherever a test likes.
import { bytesToBase64, base64ToBytes } from '../../lib/bytes';
import { problemFrom } from '../../api/problem';
import type { ConsoleApi } from './api';
import type { Subscription } from './protocol';
import { SUBPROTOCOL } from './protocol';

export interface Cuts {
  /** How many bytes of the next answer come through before the connection is lost; undefined for all of them. */
  answerBytes: () => number | undefined;
  /** Whether the next message of a socket, either way, is where it is lost. */
  socketDies: () => boolean;
  /** Whether a POST is lost, and whether before or after the host took it. */
  postDies: () => 'before' | 'after' | undefined;
  /** How a socket fails to open: a close code, or nothing at all. */
  refuseSocket: () => number | undefined;
  refuseEvents: () => { status: number; code: string } | undefined;
}

export const noCuts = (): Cuts => ({
  answerBytes: () => undefined,
  socketDies: () => false,
  postDies: () => undefined,
  refuseSocket: () => undefined,
  refuseEvents: () => undefined,
});

export class FakeHost {
  output = new Uint8Array();
  readonly typed: number[] = [];
  readonly signals: string[] = [];
  readonly acks: number[] = [];
  readonly opened: string[] = [];
  /** Bytes at the beginning that are not kept any more. */
  trimmed = 0;
  /** Sockets get a `heartbeat`; a network that is dead brings none. */
  beats = true;
  /** How many typed bytes the guest has room for. */
  room = Infinity;
  notOwner = false;
  sockets = new Set<FakeSocket>();
  expected = new Map<string, number>();
  private readonly waiters = new Set<() => void>();
  readonly cuts: Cuts;
  private readonly chunkBytes: () => number;

  constructor(cuts: Cuts, chunkBytes: () => number = () => 7) {
    this.cuts = cuts;
    this.chunkBytes = chunkBytes;
  }

  write(bytes: Uint8Array): void {
    const joined = new Uint8Array(this.output.length + bytes.length);
    joined.set(this.output);
    joined.set(bytes, this.output.length);
    this.output = joined;
    for (const socket of [...this.sockets]) socket.flush();
    for (const wake of this.waiters) wake();
    this.waiters.clear();
  }

  changed(): Promise<void> {
    return new Promise((resolve) => this.waiters.add(resolve));
  }

  attached(from: number) {
    const begin = Math.max(from, this.trimmed);
    return { type: 'attached', from: begin, size: this.output.length, truncated: begin > from, mode: 'line', you: true, columns: 80, lines: 24, marks: [] };
  }

  /** The next piece of output after `at`, cut as a network would. */
  piece(at: number): { offset: number; bytes: Uint8Array } | undefined {
    if (at >= this.output.length) return undefined;
    return { offset: at, bytes: this.output.slice(at, at + Math.max(1, this.chunkBytes())) };
  }

  /** The number to be told: accepted up to here, or the one that is expected instead. */
  take(client: string, seq: number, data: string): { accepted: number } | { code: string; expected?: number } {
    if (this.notOwner) return { code: 'not_owner' };
    const expected = this.expected.get(client) ?? 1;
    if (seq > expected) return { code: 'out_of_order', expected };
    if (seq === expected) {
      const bytes = base64ToBytes(data);
      if (this.typed.length + bytes.length > this.room) return { code: 'input_full', expected };
      this.typed.push(...bytes);
      this.expected.set(client, seq + 1);
    }
    return { accepted: Math.max(seq, expected - 1) };
  }

  say(message: Record<string, unknown>): void {
    if (message.type === 'signal') this.signals.push(String(message.signal));
    if (message.type === 'ack') this.acks.push(Number(message.offset));
  }

  readonly createSocket = (url: string, protocol: string): WebSocket => {
    this.opened.push('websocket');
    return new FakeSocket(this, protocol, url.split('/').at(-1)!) as unknown as WebSocket;
  };

  readonly api: ConsoleApi = {
    ticket: async () => 'ticket',
    socketUrl: (_ticket, client) => `ws://host/${client}`,
    problem: async (response) => problemFrom(response.status, await response.text(), response.headers.get('Retry-After')),
    events: async (query, accept, signal) => {
      this.opened.push(accept === 'text/event-stream' ? 'sse' : 'poll');
      const refusal = this.cuts.refuseEvents();
      if (refusal) return new Response(JSON.stringify({ code: refusal.code, detail: 'No.' }), { status: refusal.status, headers: { 'Retry-After': '3' } });
      const subscriptions = JSON.parse(query.subscribe) as Subscription[];
      if (accept === 'text/event-stream') return new Response(this.eventStream(subscriptions, signal));
      return this.poll(subscriptions, query.cursor, query.wait ?? 0, signal);
    },
    post: async (_session, { client, seq, messages }) => {
      const dies = this.cuts.postDies();
      if (dies === 'before') throw new TypeError('cut');
      for (const message of messages) {
        if (message.type !== 'input') {
          this.say(message);
          continue;
        }
        const answer = this.take(client, seq!, String(message.data));
        if ('code' in answer && answer.code === 'input_full') return { seq: answer.expected! - 1 };
        if ('code' in answer) throw problemFrom(409, JSON.stringify({ detail: 'No.', ...answer }), null);
      }
      if (dies === 'after') throw new TypeError('cut');
      return { seq: (this.expected.get(client) ?? 1) - 1 };
    },
  };

  private eventStream(subscriptions: Subscription[], signal: AbortSignal): ReadableStream<Uint8Array> {
    const encoder = new TextEncoder();
    let left = this.cuts.answerBytes();
    const places = subscriptions.map((subscription) => ({ ch: subscription.ch, at: undefined as number | undefined, from: 'from' in subscription ? Number(subscription.from ?? 0) : 0 }));
    return new ReadableStream({
      pull: async (controller) => {
        const send = (event: object) => {
          let bytes = encoder.encode(`data: ${JSON.stringify(event)}\n\n`);
          if (left !== undefined && bytes.length > left) bytes = bytes.slice(0, left);
          if (left !== undefined) left -= bytes.length;
          if (bytes.length > 0) controller.enqueue(bytes);
          if (left === 0) controller.error(new TypeError('cut'));
        };
        for (;;) {
          if (signal.aborted) return controller.close();
          for (const place of places) {
            if (place.at === undefined) {
              const attached = this.attached(place.from);
              place.at = attached.from;
              return send({ ch: place.ch, ...attached });
            }
            const piece = this.piece(place.at);
            if (!piece) continue;
            place.at += piece.bytes.length;
            return send({ ch: place.ch, type: 'bytes', stream: 'terminal', offset: piece.offset, data: bytesToBase64(piece.bytes) });
          }
          await Promise.race([this.changed(), new Promise((resolve) => setTimeout(resolve, 15_000))]);
          controller.enqueue(encoder.encode(': heartbeat\n\n'));
        }
      },
    });
  }

  private async poll(subscriptions: Subscription[], cursor: string | undefined, wait: number, signal: AbortSignal): Promise<Response> {
    const places = cursor === undefined ? undefined : (JSON.parse(cursor) as Record<string, number>);
    const events: object[] = [];
    const next: Record<string, number> = {};
    const collect = () => {
      for (const subscription of subscriptions) {
        let at = places?.[subscription.ch];
        if (at === undefined) {
          const attached = this.attached('from' in subscription ? Number(subscription.from ?? 0) : 0);
          events.push({ ch: subscription.ch, ...attached });
          at = attached.from;
        }
        const piece = this.piece(at);
        if (piece) events.push({ ch: subscription.ch, type: 'bytes', stream: 'terminal', offset: piece.offset, data: bytesToBase64(piece.bytes) });
        next[subscription.ch] = at + (piece?.bytes.length ?? 0);
      }
    };
    collect();
    if (events.length === 0 && wait > 0) {
      await Promise.race([this.changed(), new Promise((resolve) => setTimeout(resolve, wait * 1000)), new Promise((resolve) => signal.addEventListener('abort', resolve))]);
      collect();
    }
    const body = new TextEncoder().encode(JSON.stringify({ success: true, data: { events, next: JSON.stringify(next) } }));
    const left = this.cuts.answerBytes();
    if (left === undefined || left >= body.length) return new Response(body);
    let sent = false;
    return new Response(
      new ReadableStream({
        pull: (controller) => {
          if (sent) return controller.error(new TypeError('cut'));
          sent = true;
          controller.enqueue(body.slice(0, left));
        },
      }),
    );
  }
}

export class FakeSocket {
  readyState = 0;
  binaryType = '';
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: string | ArrayBuffer }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  private readonly host: FakeHost;
  private readonly client: string;
  readonly askedModes: unknown[] = [];
  private readonly places = new Map<number, number>();
  private heart: ReturnType<typeof setInterval> | undefined;

  constructor(host: FakeHost, protocol: string, client: string) {
    this.host = host;
    this.client = client;
    const code = protocol === SUBPROTOCOL ? host.cuts.refuseSocket() : 4409;
    setTimeout(() => {
      if (this.readyState === 3) return;
      if (code !== undefined) return this.die(code);
      this.readyState = 1;
      host.sockets.add(this);
      this.onopen?.();
      this.tell({ type: 'hello', protocol: SUBPROTOCOL, client: this.client, heartbeat_s: 15, window_bytes: 262_144 });
      this.heart = setInterval(() => host.beats && this.tell({ type: 'heartbeat' }), 15_000);
    }, 1);
  }

  send(text: string): void {
    if (this.readyState !== 1) return;
    if (this.host.cuts.socketDies()) return this.die(1006);
    const message = JSON.parse(text) as Record<string, unknown> & { ch: number; seq: number };
    if (message.type === 'subscribe') {
      const attached = this.host.attached(Number(message.from ?? 0));
      this.askedModes.push(message.mode);
      this.places.set(message.ch, attached.from);
      this.tell({ ch: message.ch, ...attached });
      this.flush();
    } else if (message.type === 'unsubscribe') {
      this.places.delete(message.ch);
    } else if (message.type === 'input') {
      const answer = this.host.take(this.client, message.seq, String(message.data));
      const { session, seq } = message;
      this.tell('accepted' in answer ? { type: 'accepted', session, seq: answer.accepted } : { type: 'error', detail: '', session, seq, ...answer });
    } else {
      this.host.say(message);
    }
  }

  flush(): void {
    for (const [ch, at] of this.places) {
      for (let piece = this.host.piece(at), from = at; piece && this.readyState === 1; piece = this.host.piece(from)) {
        const frame = new Uint8Array(10 + piece.bytes.length);
        frame[0] = ch;
        new DataView(frame.buffer).setBigUint64(2, BigInt(piece.offset));
        frame.set(piece.bytes, 10);
        from += piece.bytes.length;
        this.places.set(ch, from);
        this.deliver(frame.buffer);
      }
    }
  }

  tell(event: object): void {
    this.deliver(JSON.stringify(event));
  }

  close(): void {
    this.readyState = 3;
    clearInterval(this.heart);
    this.host.sockets.delete(this);
  }

  die(code: number): void {
    this.close();
    setTimeout(() => this.onclose?.({ code }), 1);
  }

  /** As a network does: later, in order, and nothing after the end. */
  private deliver(data: string | ArrayBuffer): void {
    if (this.host.cuts.socketDies()) return this.die(1006);
    setTimeout(() => {
      if (this.readyState === 1) this.onmessage?.({ data });
    }, 1);
  }
}
