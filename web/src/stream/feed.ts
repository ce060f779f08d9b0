// Feeds the standard input of one run: in order, each byte once, as fast as the guest reads. Knows no UI and no endpoint.
import { asProblem, type ApiProblem } from '../api/problem';
import type { StdinAccepted } from '../api/types';

export interface FeedState {
  /** `absent`: the run takes no input from here, or has ended. */
  phase: 'probing' | 'open' | 'closed' | 'absent';
  /** Taken by the host, by whoever sent them. */
  takenBytes: number;
  /** Given and not taken yet: the guest reads slower, or the host did not answer. */
  waitingBytes: number;
  problem?: ApiProblem | undefined;
  /** Somebody else fed the run in between, so what was sent last did not all arrive. */
  contended: boolean;
}

/** The host takes the bytes from `offset` on and ignores those it has. */
export type Post = (offset: number, bytes: Uint8Array<ArrayBuffer>, eof: boolean) => Promise<StdinAccepted>;

export class Feed {
  state: FeedState = { phase: 'probing', takenBytes: 0, waitingBytes: 0, contended: false };
  private readonly post: Post;
  private readonly onChange: (state: FeedState) => void;
  private waiting = new Uint8Array();
  private ending = false;
  private busy = false;

  constructor(post: Post, onChange: (state: FeedState) => void) {
    this.post = post;
    this.onChange = onChange;
  }

  /** Asks how much the host has, which also tells whether the run takes input at all. */
  async probe(): Promise<void> {
    try {
      const { next_offset, closed } = await this.post(0, new Uint8Array(), false);
      this.set({ phase: closed ? 'closed' : 'open', takenBytes: next_offset });
    } catch {
      this.set({ phase: 'absent' });
    }
  }

  send(bytes: Uint8Array): void {
    const joined = new Uint8Array(this.waiting.length + bytes.length);
    joined.set(this.waiting);
    joined.set(bytes, this.waiting.length);
    this.waiting = joined;
    void this.pump();
  }

  /** The guest sees the end of its input after what was given before. */
  end(): void {
    this.ending = true;
    void this.pump();
  }

  /** One request at a time; what comes meanwhile goes together with the next. After a failure the next call tries again. */
  private async pump(): Promise<void> {
    this.set({ waitingBytes: this.waiting.length });
    if (this.busy) return;
    this.busy = true;
    let again = false;
    while (this.state.phase === 'open' && (this.waiting.length > 0 || this.ending)) {
      const [bytes, eof, offset] = [this.waiting, this.ending, this.state.takenBytes];
      try {
        const { next_offset, closed } = await this.post(offset, bytes, eof);
        this.waiting = this.waiting.slice(bytes.length);
        this.set({
          phase: closed ? 'closed' : 'open',
          takenBytes: next_offset,
          waitingBytes: this.waiting.length,
          problem: undefined,
          // After a lost answer the host may have had these bytes already: that is nobody else's doing.
          contended: next_offset > offset + bytes.length,
        });
        again = false;
      } catch (error) {
        const problem = asProblem(error);
        if (problem.code === 'run_already_ended') this.set({ phase: 'absent' });
        else this.set({ problem });
        // Once more at once: most failures are a connection that was closed while idle.
        if (again || problem.status !== 0) break;
        again = true;
      }
    }
    this.busy = false;
  }

  private set(change: Partial<FeedState>): void {
    this.state = { ...this.state, ...change };
    this.onChange(this.state);
  }
}
