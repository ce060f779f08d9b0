// What the two HTTP transports share: events come by an answer that is read, the rest goes by POST.
import { asProblem } from '../../api/problem';
import type { ConsoleApi } from './api';
import { Posts } from './posts';
import type { ClientMessage, Subscription } from './protocol';
import type { Link, LinkEnd, OpenOptions, SessionInput, TransportKind } from './transport';

export abstract class HttpLink implements Link {
  abstract readonly kind: TransportKind;
  protected readonly api: ConsoleApi;
  protected readonly options: OpenOptions;
  protected opened = false;
  private readonly posts: Posts;
  private request = new AbortController();
  private channels = '';
  private over = false;
  private restarting = false;

  constructor(api: ConsoleApi, options: OpenOptions) {
    this.api = api;
    this.options = options;
    this.posts = new Posts(api, options.client, options.sink, (end) => this.end(end));
    // Later: what a transport adds of its own is not there yet.
    queueMicrotask(() => void this.run());
  }

  /** Reads until the signal aborts, or nothing more will come. */
  protected abstract read(signal: AbortSignal): Promise<void>;

  subscribe(subscriptions: readonly Subscription[]): void {
    if (channelsOf(subscriptions) === this.channels || this.restarting) return;
    // The address holds the subscriptions: another list is another request. Several changes at once make one.
    this.restarting = true;
    queueMicrotask(() => {
      this.restarting = false;
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
    this.request.abort();
    this.posts.close();
  }

  /** Where each subscription stands, for the request that is made now. */
  protected places(): readonly Subscription[] {
    const subscriptions = this.options.places();
    this.channels = channelsOf(subscriptions);
    return subscriptions;
  }

  /** Something came. */
  protected alive(): void {
    if (!this.opened) {
      this.opened = true;
      this.options.sink.onOpen();
    }
    this.options.sink.onAlive();
  }

  protected end(end: LinkEnd): void {
    if (this.over) return;
    this.close();
    this.options.sink.onEnd(end);
  }

  private async run(): Promise<void> {
    if (this.over) return;
    const { signal } = this.request;
    try {
      await this.read(signal);
      if (!signal.aborted) this.end({ final: false });
    } catch (error) {
      if (!signal.aborted) this.end({ final: false, problem: asProblem(error) });
    }
  }
}

const channelsOf = (subscriptions: readonly Subscription[]): string => subscriptions.map(({ ch }) => ch).join();
