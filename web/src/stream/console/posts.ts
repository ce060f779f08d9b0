// What a client says where the transport only listens: by POST, input one after the other, the rest past it.
import { asProblem, type ApiProblem } from '../../api/problem';
import { bytesToBase64 } from '../../lib/bytes';
import type { ConsoleApi } from './api';
import { endOfAnswer } from './ends';
import type { ClientMessage } from './protocol';
import type { LinkEnd, LinkSink, NumberedInput } from './transport';

export class Posts {
  private readonly api: ConsoleApi;
  private readonly client: string;
  private readonly sink: LinkSink;
  private readonly fail: (end: LinkEnd) => void;
  private readonly abort = new AbortController();
  private readonly inputs: NumberedInput[] = [];
  private readonly acks = new Map<string, ClientMessage>();
  private sending = false;
  private acking = false;

  constructor(api: ConsoleApi, client: string, sink: LinkSink, fail: (end: LinkEnd) => void) {
    this.api = api;
    this.client = client;
    this.sink = sink;
    this.fail = fail;
  }

  input(input: NumberedInput): void {
    this.inputs.push(input);
    void this.sendInputs();
  }

  message(message: ClientMessage): void {
    if (message.type === 'ack') {
      // Only the last one counts, and one request at a time is enough.
      this.acks.set(message.session, message);
      void this.sendAcks();
      return;
    }
    void this.post(message.session, [{ ...message }]).catch((error: unknown) => this.refused(asProblem(error)));
  }

  close(): void {
    this.abort.abort();
  }

  private async sendInputs(): Promise<void> {
    if (this.sending) return;
    this.sending = true;
    for (let input = this.inputs.shift(); input && !this.abort.signal.aborted; input = this.inputs.shift()) {
      const { seq, session, bytes } = input;
      try {
        await this.post(session, [{ type: 'input', session, data: bytesToBase64(bytes) }], seq);
        if (!this.abort.signal.aborted) void this.sink.onEvent({ ch: undefined, cursor: undefined, event: { type: 'accepted', seq } });
      } catch (error) {
        const problem = asProblem(error);
        if (problem.code === 'out_of_order' && typeof problem.more.expected === 'number') {
          this.inputs.length = 0;
          this.error(problem, problem.more.expected);
        } else if (problem.status === 404 || problem.status === 409 || problem.status === 422) {
          // The session is over, or somebody else's to type into: it goes nowhere, and those after it may still.
          this.error(problem);
          void this.sink.onEvent({ ch: undefined, cursor: undefined, event: { type: 'accepted', seq } });
        } else {
          this.refused(problem);
        }
      }
    }
    this.sending = false;
  }

  private async sendAcks(): Promise<void> {
    if (this.acking) return;
    this.acking = true;
    for (const [session, message] of this.acks) {
      this.acks.delete(session);
      await this.post(session, [{ ...message }]).catch((error: unknown) => this.refused(asProblem(error)));
    }
    this.acking = false;
  }

  private post(session: string, messages: Record<string, unknown>[], seq?: number): Promise<void> {
    return this.api.post(session, seq === undefined ? { client: this.client, messages } : { client: this.client, seq, messages }, this.abort.signal);
  }

  private error(problem: ApiProblem, expected?: number): void {
    const event = { type: 'error' as const, code: problem.code, detail: problem.message, ...(expected === undefined ? {} : { expected }) };
    void this.sink.onEvent({ ch: undefined, cursor: undefined, event });
  }

  /** A session that ended meanwhile is no reason to end the connection. */
  private refused(problem: ApiProblem): void {
    if (this.abort.signal.aborted || problem.status === 404 || problem.status === 409) return;
    this.fail(endOfAnswer(problem));
  }
}
