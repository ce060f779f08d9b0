// Which transport to try: the best that is known to work here, then the next worse, and the better ones again later.
import { TRANSPORTS, type TransportKind } from './transport';

/** What worked is taken for granted this long; then the best one gets its chance again. */
export const TRUST_MS = 10 * 60_000;
/** On a worse transport the better ones are tried again after this, then after twice as long, up to the maximum. */
export const RETRY_BETTER_MIN_MS = 60_000;
export const RETRY_BETTER_MAX_MS = 16 * 60_000;
/** A connection that ends sooner than this has not shown that its transport works. */
export const SHORT_LIFE_MS = 5_000;
/** So many short lives in a row, and the next worse transport is tried. */
export const MAX_SHORT_LIVES = 3;

export interface LadderMemory {
  load(): { kind: TransportKind; atMs: number } | undefined;
  save(kind: TransportKind, atMs: number): void;
}

export class Ladder {
  private step: number;
  private base: number;
  private shortLives = 0;
  private retryBetterMs = RETRY_BETTER_MIN_MS;
  private readonly memory: LadderMemory;

  constructor(memory: LadderMemory, nowMs: number) {
    this.memory = memory;
    const known = memory.load();
    const trusted = known && nowMs - known.atMs < TRUST_MS ? TRANSPORTS.indexOf(known.kind) : 0;
    this.base = Math.max(0, trusted);
    this.step = this.base;
  }

  get kind(): TransportKind {
    return TRANSPORTS[this.step]!;
  }

  /** The current one works. */
  opened(nowMs: number): void {
    this.base = this.step;
    this.memory.save(this.kind, nowMs);
  }

  /** The current one failed before it opened. False when there is none left: then it starts from the top, after a rest. */
  next(): boolean {
    this.step += 1;
    if (this.step < TRANSPORTS.length) return true;
    // Nothing answered at all, which says nothing about any of them.
    this.step = this.base;
    return false;
  }

  /** A connection that had opened ended after `lifeMs`. */
  ended(lifeMs: number): void {
    this.shortLives = lifeMs < SHORT_LIFE_MS ? this.shortLives + 1 : 0;
    if (this.shortLives < MAX_SHORT_LIVES || this.step + 1 >= TRANSPORTS.length) return;
    this.shortLives = 0;
    this.step += 1;
  }

  /** The one to try beside the current one, and after which wait; undefined on the best. */
  better(): { kind: TransportKind; afterMs: number } | undefined {
    if (this.step === 0) return undefined;
    return { kind: TRANSPORTS[this.step - 1]!, afterMs: this.retryBetterMs };
  }

  betterFailed(): void {
    this.retryBetterMs = Math.min(RETRY_BETTER_MAX_MS, this.retryBetterMs * 2);
  }

  climbed(kind: TransportKind, nowMs: number): void {
    this.step = TRANSPORTS.indexOf(kind);
    this.retryBetterMs = RETRY_BETTER_MIN_MS;
    this.shortLives = 0;
    this.opened(nowMs);
  }
}
