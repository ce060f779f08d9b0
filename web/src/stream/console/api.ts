// What the transports need of the host's API; `src/api/console.ts` gives it, and a test gives its own.
import type { ApiProblem } from '../../api/problem';

export interface PostBody {
  client: string;
  /** The number of the first input among the messages; absent when there is none. */
  seq?: number;
  messages: Record<string, unknown>[];
}

export interface EventsQuery {
  client: string;
  /** JSON array of subscriptions. */
  subscribe: string;
  cursor?: string | undefined;
  /** Whole seconds the host may wait for the first event of a poll. */
  wait?: number;
}

export interface ConsoleApi {
  /** A ticket for one WebSocket; rejects with an `ApiProblem`. */
  ticket(signal: AbortSignal): Promise<string>;
  socketUrl(ticket: string, client: string): string;
  /** The answer as it comes, refused ones too; rejects only when there is none. */
  events(query: EventsQuery, accept: string, signal: AbortSignal): Promise<Response>;
  problem(response: Response): Promise<ApiProblem>;
  /** Resolves with the number of the last input that the host has taken. */
  post(session: string, body: PostBody, signal: AbortSignal): Promise<{ seq: number }>;
}
