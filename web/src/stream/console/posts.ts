// What a client says where the transport only listens: by POST, input one after the other, the rest past it.
import { asProblem, type ApiProblem } from '../../api/problem';
import { bytesToBase64 } from '../../lib/bytes';
import type { ConsoleApi } from './api';
import { endOfAnswer } from './ends';
import type { ClientMessage, Framed } from './protocol';
import type { LinkEnd, LinkSink, SessionInput } from './transport';

export class Posts {
  private readonly api: ConsoleApi;
  private readonly client: string;
  private readonly sink: LinkSink;
  private readonly fail: (end: LinkEnd) => void;
  private readonly abort = new AbortController();
  private readonly inputs = new Map<string, SessionInput[]>();
  private readonly acks = new Map<string, ClientMessage>();
  private acking = false;

  constructor(api: ConsoleApi, client: string, sink: LinkSink, fail: (end: LinkEnd) => void) {
    this.api = api;
    this.client = client;
    this.sink = sink;
    this.fail = fail;
  }

  input(input: SessionInput): void {
    const queue = this.inputs.get(input.session);
    if (queue) queue.push(input);
    else void this.sendInputs(input.session, [input]);
  }

  message(message: ClientMessage): void {
    if (message.type === 'ack') {
      // Only the last one counts, and one request at a time is enough.
      this.acks.set(message.session, message);
      void this.sendAcks();
      return;
    }
    void this.post(message.session, [{ ...message }]).catch((error: unknown) => this.refused(message.session, asProblem(error)));
  }

  close(): void {
    this.abort.abort();
  }

  /** One request at a time for each session, so that none overtakes another. */
  private async sendInputs(session: string, queue: SessionInput[]): Promise<void> {
    this.inputs.set(session, queue);
    for (let input = queue.shift(); input && !this.abort.signal.aborted; input = queue.shift()) {
      const { seq, bytes } = input;
      try {
        const taken = await this.post(session, [{ type: 'input', session, data: bytesToBase64(bytes) }], seq);
        if (taken.seq >= seq) this.tell({ type: 'accepted', session, seq });
        else this.backUp(queue, { type: 'error', code: 'input_full', detail: '', session, seq, expected: taken.seq + 1 });
      } catch (error) {
        const problem = asProblem(error);
        const { expected } = problem.more;
        if (typeof expected === 'number') this.backUp(queue, { type: 'error', code: problem.code, detail: problem.message, session, seq, expected });
        else this.refused(session, problem, seq);
      }
    }
    this.inputs.delete(session);
  }

  /** What was to follow is sent again by whoever numbers it. */
  private backUp(queue: SessionInput[], event: Framed['event']): void {
    queue.length = 0;
    this.tell(event);
  }

  private async sendAcks(): Promise<void> {
    if (this.acking) return;
    this.acking = true;
    for (const [session, message] of this.acks) {
      this.acks.delete(session);
      await this.post(session, [{ ...message }]).catch((error: unknown) => this.refused(session, asProblem(error)));
    }
    this.acking = false;
  }

  private post(session: string, messages: Record<string, unknown>[], seq?: number): Promise<{ seq: number }> {
    return this.api.post(session, seq === undefined ? { client: this.client, messages } : { client: this.client, seq, messages }, this.abort.signal);
  }

  /** A session that ended, or that somebody else owns by now, is no reason to end the connection. */
  private refused(session: string, problem: ApiProblem, seq?: number): void {
    if (this.abort.signal.aborted) return;
    if (problem.status !== 404 && problem.status !== 409 && problem.status !== 422) return this.fail(endOfAnswer(problem));
    this.tell({ type: 'error', code: problem.code, detail: problem.message, session, ...(seq === undefined ? {} : { seq }) });
  }

  private tell(event: Framed['event']): void {
    if (!this.abort.signal.aborted) void this.sink.onEvent({ ch: undefined, cursor: undefined, event });
  }
}
