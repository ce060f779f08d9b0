// The transport that always works: one request after the other, each held by the host until something happens.
import { asProblem } from '../../api/problem';
import type { ConsoleApi } from './api';
import { endOfAnswer } from './ends';
import { Posts } from './posts';
import { parseEvent, type ClientMessage, type Subscription } from './protocol';
import { channelsOf } from './sse';
import type { Link, LinkEnd, SessionInput, OpenOptions, Transport } from './transport';

/** How long the host may hold a request. */
export const WAIT_S = 25;
/** An answer that does not come in this time after the host's wait is not coming. */
export const ANSWER_MS = 20_000;

export function pollTransport(api: ConsoleApi): Transport {
  return { kind: 'poll', open: (options) => new PollLink(api, options) };
}

interface Answer {
  events: unknown[];
  next?: string;
}

class PollLink implements Link {
  readonly kind = 'poll';
  private readonly api: ConsoleApi;
  private readonly options: OpenOptions;
  private readonly posts: Posts;
  private request = new AbortController();
  private channels = '';
  private cursor: string | undefined;
  private opened = false;
  private over = false;

  constructor(api: ConsoleApi, options: OpenOptions) {
    this.api = api;
    this.options = options;
    this.posts = new Posts(api, options.client, options.sink, (end) => this.end(end));
    void this.run(this.request.signal);
  }

  subscribe(subscriptions: readonly Subscription[]): void {
    if (channelsOf(subscriptions) === this.channels) return;
    this.channels = channelsOf(subscriptions);
    this.request.abort();
    this.request = new AbortController();
    this.cursor = undefined;
    void this.run(this.request.signal);
  }

  input(input: SessionInput): void {
    this.posts.input(input);
  }

  message(message: ClientMessage): void {
    this.posts.message(message);
  }

  close(): void {
    this.over = true;
    this.request.abort();
    this.posts.close();
  }

  private async run(signal: AbortSignal): Promise<void> {
    try {
      while (!signal.aborted) await this.once(signal);
    } catch (error) {
      if (!signal.aborted) this.end({ final: false, problem: asProblem(error) });
    }
  }

  private async once(signal: AbortSignal): Promise<void> {
    const subscriptions = this.options.places();
    this.channels = channelsOf(subscriptions);
    // The cursor goes on where the last answer ended; without one each subscription begins at its own place.
    const wait = this.cursor === undefined ? 0 : WAIT_S;
    const query = { client: this.options.client, subscribe: JSON.stringify(subscriptions), cursor: this.cursor, wait };
    const timer = setTimeout(() => this.end({ final: false }), wait * 1000 + ANSWER_MS);
    try {
      const response = await this.api.events(query, 'application/json', signal);
      if (response.status === 410 && this.cursor !== undefined) {
        this.cursor = undefined;
        return;
      }
      if (!response.ok) {
        this.end(endOfAnswer(await this.api.problem(response)));
        return;
      }
      const { data } = (await response.json()) as { data: Answer };
      if (signal.aborted) return;
      await this.deliver(data, signal);
    } finally {
      clearTimeout(timer);
    }
  }

  private async deliver({ events, next }: Answer, signal: AbortSignal): Promise<void> {
    if (!this.opened) {
      this.opened = true;
      this.options.sink.onOpen();
    }
    this.options.sink.onAlive();
    for (const raw of events) {
      const framed = parseEvent(raw);
      if (framed) await this.options.sink.onEvent(framed);
      if (signal.aborted) return;
    }
    // Only now: what was not handled comes again.
    this.cursor = next;
  }

  private end(end: LinkEnd): void {
    if (this.over) return;
    this.close();
    this.options.sink.onEnd(end);
  }
}
