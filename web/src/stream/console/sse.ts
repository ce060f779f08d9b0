// The second transport: server-sent events read by `fetch`, which can send a bearer token, and POSTs the other way.
import { asProblem } from '../../api/problem';
import { SseParser } from '../sse';
import type { ConsoleApi } from './api';
import { endOfAnswer } from './ends';
import { Posts } from './posts';
import { parseText, type ClientMessage, type Subscription } from './protocol';
import type { Link, LinkEnd, SessionInput, OpenOptions, Transport } from './transport';

/** To the first byte: a proxy that collects a stream gives none. Sessions and the system's state answer at once. */
export const FIRST_BYTES_MS = 6_000;
/** Log lines may be long in coming; then the first heartbeat is what comes. */
export const FIRST_BYTES_QUIET_MS = 20_000;
/** The host sends a comment every 15 s. */
export const SILENCE_MS = 45_000;

export function sseTransport(api: ConsoleApi): Transport {
  return { kind: 'sse', open: (options) => new SseLink(api, options) };
}

class SseLink implements Link {
  readonly kind = 'sse';
  private readonly api: ConsoleApi;
  private readonly options: OpenOptions;
  private readonly posts: Posts;
  private request = new AbortController();
  private channels = '';
  private opened = false;
  private over = false;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private restarting = false;

  constructor(api: ConsoleApi, options: OpenOptions) {
    this.api = api;
    this.options = options;
    this.posts = new Posts(api, options.client, options.sink, (end) => this.end(end));
    void this.run();
  }

  subscribe(subscriptions: readonly Subscription[]): void {
    if (channelsOf(subscriptions) === this.channels || this.restarting) return;
    // The stream's address holds the subscriptions: another list is another stream. Several changes at once make one.
    this.restarting = true;
    queueMicrotask(() => {
      this.restarting = false;
      if (this.over) return;
      this.request.abort();
      this.request = new AbortController();
      void this.run();
    });
  }

  input(input: SessionInput): void {
    this.posts.input(input);
  }

  message(message: ClientMessage): void {
    this.posts.message(message);
  }

  close(): void {
    this.over = true;
    clearTimeout(this.timer);
    this.request.abort();
    this.posts.close();
  }

  private async run(): Promise<void> {
    const { signal } = this.request;
    const subscriptions = this.options.places();
    this.channels = channelsOf(subscriptions);
    const answersAtOnce = subscriptions.some(({ channel }) => channel === 'commands' || channel === 'system');
    this.watch(answersAtOnce ? FIRST_BYTES_MS : FIRST_BYTES_QUIET_MS, true);
    try {
      const query = { client: this.options.client, subscribe: JSON.stringify(subscriptions) };
      const response = await this.api.events(query, 'text/event-stream', signal);
      if (!response.ok) {
        if (!signal.aborted) this.end(endOfAnswer(await this.api.problem(response)));
        return;
      }
      await this.read(response, signal);
      if (!signal.aborted) this.end({ final: false });
    } catch (error) {
      if (!signal.aborted) this.end({ final: false, problem: asProblem(error) });
    }
  }

  private async read(response: Response, signal: AbortSignal): Promise<void> {
    const reader = response.body?.getReader();
    if (!reader) return;
    const parser = new SseParser();
    for (;;) {
      const { done, value } = await reader.read();
      if (done || signal.aborted) return;
      this.alive();
      for (const { data } of parser.push(value)) {
        const framed = parseText(data);
        // Awaited: a terminal that is behind slows the reading, and so the host.
        if (framed) await this.options.sink.onEvent(framed);
        if (signal.aborted) return;
      }
    }
  }

  private alive(): void {
    this.watch(SILENCE_MS, false);
    if (!this.opened) {
      this.opened = true;
      this.options.sink.onOpen();
    }
    this.options.sink.onAlive();
  }

  private watch(ms: number, blocked: boolean): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.end({ final: false, blocked }), ms);
  }

  private end(end: LinkEnd): void {
    if (this.over) return;
    this.close();
    this.options.sink.onEnd(end);
  }
}

export const channelsOf = (subscriptions: readonly Subscription[]): string => subscriptions.map(({ ch }) => ch).join();
