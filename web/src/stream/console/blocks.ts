// The commands of a session as blocks: what was typed, how it ended, how long it took. Built from marks, bounded.
import type { Mark } from './protocol';

export const MAX_BLOCKS = 1_000;

export interface Block {
  /** The offset of its command mark, which names it. */
  id: number;
  line: string;
  run: string | undefined;
  background: boolean;
  end:
    | {
        offset: number;
        exitCode: number | undefined;
        outcome: string | undefined;
        durationMs: number | undefined;
      }
    | undefined;
}

export class Blocks {
  list: readonly Block[] = [];
  /** True while the session waits for a command line. */
  atPrompt = false;

  reset(): void {
    this.list = [];
    this.atPrompt = false;
  }

  apply(mark: Mark): void {
    if (mark.kind === 'prompt') this.atPrompt = true;
    else if (mark.kind === 'command') this.begin(mark);
    else this.finish(mark);
  }

  private begin(mark: Mark): void {
    this.atPrompt = false;
    if (this.list.some(({ id }) => id === mark.offset)) return;
    const block: Block = { id: mark.offset, line: mark.line ?? '', run: mark.run, background: mark.background ?? false, end: undefined };
    this.list = [...this.list, block].slice(-MAX_BLOCKS);
  }

  private finish(mark: Mark): void {
    const at = this.openBlock(mark);
    // Its beginning is no longer kept; what it was is told again at its end.
    if (at < 0) return this.endedBefore(mark);
    const block = this.list[at]!;
    const end = { offset: mark.offset, exitCode: mark.exit_code, outcome: mark.outcome, durationMs: mark.duration_ms };
    const ended = { ...block, run: block.run ?? mark.run, end };
    this.list = this.list.map((candidate, index) => (index === at ? ended : candidate));
  }

  private endedBefore(mark: Mark): void {
    if (mark.line === undefined || this.list.some(({ end }) => end?.offset === mark.offset)) return;
    this.begin({ ...mark, kind: 'command' });
    this.finish(mark);
  }

  /** The end of a run belongs to its command; an end without one to the last that is open in the foreground. */
  private openBlock(mark: Mark): number {
    const byRun = mark.run === undefined ? -1 : this.list.findLastIndex((block) => !block.end && block.run === mark.run);
    if (byRun >= 0) return byRun;
    return this.list.findLastIndex((block) => !block.end && block.background === (mark.background ?? false));
  }
}
