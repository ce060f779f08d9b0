// The transport that always works: one request after the other, each held by the host until something happens.
import type { ConsoleApi } from './api';
import { endOfAnswer } from './ends';
import { HttpLink } from './http-link';
import { parseEvent } from './protocol';
import type { Transport } from './transport';

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

class PollLink extends HttpLink {
  readonly kind = 'poll';

  protected async read(signal: AbortSignal): Promise<void> {
    // The cursor goes on where the last answer ended; without one each subscription begins at its own place.
    let cursor: string | undefined;
    while (!signal.aborted) cursor = await this.once(cursor, signal);
  }

  private async once(cursor: string | undefined, signal: AbortSignal): Promise<string | undefined> {
    const wait = cursor === undefined ? 0 : WAIT_S;
    const query = { client: this.options.client, subscribe: JSON.stringify(this.places()), cursor, wait };
    const timer = setTimeout(() => this.end({ final: false }), wait * 1000 + ANSWER_MS);
    try {
      const response = await this.api.events(query, 'application/json', signal);
      if (response.status === 410 && cursor !== undefined) return undefined;
      if (!response.ok) {
        const problem = await this.api.problem(response);
        if (!signal.aborted) this.end(endOfAnswer(problem));
        return undefined;
      }
      const { data } = (await response.json()) as { data: Answer };
      return await this.deliver(data, signal);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Gives the next cursor only when all is handled: what was not comes again. */
  private async deliver({ events, next }: Answer, signal: AbortSignal): Promise<string | undefined> {
    if (signal.aborted) return undefined;
    this.alive();
    for (const raw of events) {
      const framed = parseEvent(raw);
      if (framed) await this.options.sink.onEvent(framed);
      if (signal.aborted) return undefined;
    }
    return next;
  }
}
