// The best transport: one WebSocket with binary frames, opened by a single-use ticket.
import { asProblem } from '../../api/problem';
import { bytesToBase64 } from '../../lib/bytes';
import type { ConsoleApi } from './api';
import { endOfAnswer, endOfSocket } from './ends';
import { parseFrame, parseText, SUBPROTOCOL, type ClientMessage, type Subscription } from './protocol';
import type { Link, LinkEnd, SessionInput, OpenOptions, Transport } from './transport';

/** From the ticket to the host's `hello`. A middlebox that swallows the upgrade says nothing at all. */
export const OPEN_TIMEOUT_MS = 6_000;

type SocketFactory = (url: string, protocol: string) => WebSocket;

export function webSocketTransport(api: ConsoleApi, create: SocketFactory = (url, protocol) => new WebSocket(url, protocol)): Transport {
  return { kind: 'websocket', open: (options) => new SocketLink(api, create, options) };
}

class SocketLink implements Link {
  readonly kind = 'websocket';
  private readonly abort = new AbortController();
  private readonly options: OpenOptions;
  private socket: WebSocket | undefined;
  private opened = false;
  private over = false;
  private readonly subscribed = new Set<number>();
  private readonly timer: ReturnType<typeof setTimeout>;

  constructor(api: ConsoleApi, create: SocketFactory, options: OpenOptions) {
    this.options = options;
    this.timer = setTimeout(() => this.end({ final: false, blocked: true }), OPEN_TIMEOUT_MS);
    api.ticket(this.abort.signal).then(
      (ticket) => this.over || this.start(create, api.socketUrl(ticket, options.client)),
      (error: unknown) => this.end(endOfAnswer(asProblem(error))),
    );
  }

  subscribe(subscriptions: readonly Subscription[]): void {
    const wanted = new Set(subscriptions.map(({ ch }) => ch));
    for (const ch of this.subscribed) {
      if (wanted.has(ch)) continue;
      this.subscribed.delete(ch);
      this.send({ type: 'unsubscribe', ch });
    }
    for (const subscription of subscriptions) {
      if (this.subscribed.has(subscription.ch)) continue;
      this.subscribed.add(subscription.ch);
      this.send({ type: 'subscribe', ...subscription });
    }
  }

  input({ seq, session, bytes }: SessionInput): void {
    this.send({ type: 'input', session, seq, data: bytesToBase64(bytes) });
  }

  message(message: ClientMessage): void {
    this.send(message);
  }

  close(): void {
    this.over = true;
    clearTimeout(this.timer);
    this.abort.abort();
    this.socket?.close(1000);
  }

  private start(create: SocketFactory, url: string): void {
    let socket: WebSocket;
    try {
      socket = create(url, SUBPROTOCOL);
    } catch {
      this.end({ final: false, blocked: true });
      return;
    }
    this.socket = socket;
    socket.binaryType = 'arraybuffer';
    socket.onmessage = ({ data }: MessageEvent<string | ArrayBuffer>) => this.receive(data);
    socket.onclose = ({ code }) => this.end(endOfSocket(code, this.opened));
  }

  private receive(data: string | ArrayBuffer): void {
    if (this.over) return;
    const framed = typeof data === 'string' ? parseText(data) : parseFrame(data);
    if (!framed) return;
    this.options.sink.onAlive();
    if (framed.event.type === 'hello' && !this.opened) {
      this.opened = true;
      clearTimeout(this.timer);
      // Under another name nothing of what was sent before would be known.
      if (framed.event.client !== this.options.client) this.send({ type: 'hello', client: this.options.client });
      this.options.sink.onOpen();
    }
    void this.options.sink.onEvent(framed);
  }

  private send(message: object): void {
    if (this.socket?.readyState === 1) this.socket.send(JSON.stringify(message));
  }

  private end(end: LinkEnd): void {
    if (this.over) return;
    this.close();
    this.options.sink.onEnd(end);
  }
}
