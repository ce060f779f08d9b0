// The log lines a page holds: in order of their number, without doubles, bounded, and pausable.
import type { LogLine } from '../api/types';

/** Beyond this the oldest are let go, in chunks so that the cost is spread. */
export const MAX_LINES = 200_000;
const TRIM_CHUNK = 10_000;

export type Schedule = (task: () => void, isFlood: boolean) => void;

export interface LogSnapshot {
  lines: readonly LogLine[];
  /** Lines that arrived while paused. */
  pending: number;
  paused: boolean;
  /** True when lines were let go because there were too many. */
  trimmed: boolean;
  version: number;
}

/** So many new lines at once are more than anybody reads. */
const FLOOD_LINES = 60;

/** `schedule` runs a task before the next paint, or some paints later in a flood: one render for many lines, not one for each. */
export class LogStore {
  private lines: LogLine[] = [];
  private held: LogLine[] = [];
  private paused = false;
  private trimmed = false;
  private heldTrimmed = 0;
  private scheduled = false;
  private snapshot: LogSnapshot = { lines: [], pending: 0, paused: false, trimmed: false, version: 0 };
  private readonly listeners = new Set<() => void>();
  private added = 0;
  private readonly schedule: Schedule;
  private readonly max: number;

  constructor(schedule: Schedule, max = MAX_LINES) {
    this.schedule = schedule;
    this.max = max;
  }

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  getSnapshot = (): LogSnapshot => this.snapshot;

  /** The highest number held, shown or not; -1 without any. */
  newest(): number {
    return Math.max(this.lines.at(-1)?.seq ?? -1, this.held.at(-1)?.seq ?? -1);
  }

  /** Live lines, which mostly come in order. While paused they are held back and counted. */
  append(batch: readonly LogLine[]): void {
    if (batch.length === 0) return;
    this.added += batch.length;
    if (this.paused) {
      const fresh = batch.filter((line) => !this.has(this.lines, line.seq) && !this.has(this.held, line.seq));
      if (fresh.length === 0) return;
      this.held = mergeLines(this.held, fresh);
      if (this.held.length > this.max) {
        this.heldTrimmed += this.held.length - this.max;
        this.held = this.held.slice(-this.max);
      }
    } else {
      this.lines = mergeLines(this.lines, batch);
      this.trim();
    }
    this.changed();
  }

  /** Older lines from the server, in any order. They never push newer ones out. */
  prepend(batch: readonly LogLine[]): void {
    const room = Math.max(0, this.max - this.lines.length);
    const newestFirst = [...batch].sort((a, b) => b.seq - a.seq);
    this.lines = mergeLines(this.lines, newestFirst.slice(0, room));
    if (newestFirst.length > room) this.trimmed = true;
    this.changed();
  }

  pause(): void {
    if (this.paused) return;
    this.paused = true;
    this.changed();
  }

  resume(): void {
    if (!this.paused) return;
    this.paused = false;
    if (this.heldTrimmed > 0) {
      // A hole in the middle would read as if nothing was missing: start over after it.
      this.lines = this.held;
      this.trimmed = true;
    } else {
      this.lines = mergeLines(this.lines, this.held);
    }
    this.held = [];
    this.heldTrimmed = 0;
    this.trim();
    this.changed();
  }

  private trim(): void {
    if (this.lines.length <= this.max) return;
    this.lines = this.lines.slice(this.lines.length - Math.max(1, this.max - Math.min(TRIM_CHUNK, this.max >> 1)));
    this.trimmed = true;
  }

  private has(lines: readonly LogLine[], seq: number): boolean {
    let low = 0;
    let high = lines.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const found = lines[middle]!.seq;
      if (found === seq) return true;
      if (found < seq) low = middle + 1;
      else high = middle - 1;
    }
    return false;
  }

  private changed(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    const isFlood = this.added > FLOOD_LINES;
    this.added = 0;
    this.schedule(() => {
      this.scheduled = false;
      this.snapshot = {
        lines: this.lines.slice(),
        pending: this.held.length + this.heldTrimmed,
        paused: this.paused,
        trimmed: this.trimmed,
        version: this.snapshot.version + 1,
      };
      for (const listener of this.listeners) listener();
    }, isFlood);
  }
}

/** Both by ascending number, `sorted` already so; a number that both have is taken once. */
export function mergeLines(sorted: LogLine[], batch: readonly LogLine[]): LogLine[] {
  const added = [...batch].sort((a, b) => a.seq - b.seq);
  const last = sorted.length > 0 ? sorted[sorted.length - 1]!.seq : -1;
  const first = added[0];
  if (!first) return sorted;
  if (first.seq > last) {
    // The common case, a tail that grows: appended in place.
    let previous = last;
    for (const line of added) {
      if (line.seq !== previous) sorted.push(line);
      previous = line.seq;
    }
    return sorted;
  }
  const out: LogLine[] = [];
  let i = 0;
  let j = 0;
  while (i < sorted.length || j < added.length) {
    const a = sorted[i];
    const b = added[j];
    const takeA = b === undefined || (a !== undefined && a.seq <= b.seq);
    const next = takeA ? a! : b;
    if (takeA) i += 1;
    else j += 1;
    if (out.length === 0 || out[out.length - 1]!.seq !== next.seq) out.push(next);
  }
  return out;
}
