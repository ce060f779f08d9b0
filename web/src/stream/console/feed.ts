// From a session's events to a screen: in order, one chunk under way, acknowledged when shown. Knows no terminal library.
import type { ConsoleEvent, Mark } from './protocol';

/** Handed to the screen at once. Small, so that an echo waits behind little when output floods. */
export const CHUNK_BYTES = 16 * 1024;
/** An acknowledgement for so many bytes shown. The host lets 256 KiB be under way. */
export const ACK_BYTES = 32 * 1024;
/** A transport that can wait does so beyond this. */
export const BACKLOG_BYTES = 256 * 1024;
/** A viewer whose socket cannot wait leaves out what is beyond this: nobody slows the session for a viewer. */
export const MAX_BACKLOG_BYTES = 2 * 1024 * 1024;
const MAX_PENDING_MARKS = 10_000;

export interface Screen {
  /** `done` when the bytes are shown, in the order of the calls. */
  write(bytes: Uint8Array, done: () => void): void;
  /** Begins empty, with all modes as they are at first. */
  reset(): void;
  /** The cursor is where this mark belongs. */
  mark(mark: Mark): void;
  /** So many bytes are missing here. */
  gap(bytes: number, done: () => void): void;
}

export interface FeedEvents {
  ack: (offset: number) => void;
  /** Something that `ScreenFeed` shows about itself has changed. */
  changed: () => void;
}

type Item = { offset: number; bytes: Uint8Array } | { offset: number; gapTo: number };

export class ScreenFeed {
  /** This client may type. */
  isOwner = false;
  raw = false;
  /** Until the history is on the screen, what the terminal itself answers is no one's typing. */
  replaying = true;
  /** The beginning is gone, or the host lost it. */
  truncated = false;
  missingBytes = 0;
  /** Everything before it is on the screen. */
  shown = 0;
  private readonly screen: Screen;
  private readonly events: FeedEvents;
  private queue: Item[] = [];
  private backlogBytes = 0;
  private acked = 0;
  private busy = false;
  private replayEnd: number | undefined;
  private attachedBefore = false;
  private marks: Mark[] = [];
  private wake: (() => void) | undefined;
  /** Grows with each reset: what was written before calls back into nothing. */
  private generation = 0;

  constructor(screen: Screen, events: FeedEvents) {
    this.screen = screen;
    this.events = events;
  }

  handle(event: ConsoleEvent): void | Promise<void> {
    switch (event.type) {
      case 'attached':
        this.attached(event);
        break;
      case 'bytes':
        this.add({ offset: event.offset, bytes: event.bytes });
        if (this.backlogBytes > BACKLOG_BYTES) return new Promise((resolve) => (this.wake = resolve));
        return;
      case 'gap':
        this.add({ offset: event.from, gapTo: event.to });
        break;
      case 'replay_end':
        this.replayEnd = event.offset;
        this.settle();
        break;
      case 'mark':
        this.addMark(event);
        break;
      case 'mode':
        this.raw = event.mode === 'raw';
        break;
      case 'owner':
        this.isOwner = event.you;
        break;
      default:
        return;
    }
    this.events.changed();
  }

  private attached(event: ConsoleEvent & { type: 'attached' }): void {
    this.isOwner = event.you;
    this.raw = event.mode === 'raw';
    this.replaying = true;
    this.replayEnd = undefined;
    if (!this.attachedBefore || event.truncated) {
      this.generation += 1;
      this.queue = [];
      this.backlogBytes = 0;
      this.busy = false;
      this.marks = [];
      this.shown = event.from;
      this.screen.reset();
      this.truncated = event.truncated;
    }
    this.acked = event.from;
    this.attachedBefore = true;
    for (const mark of event.marks) this.addMark(mark);
  }

  private add(item: Item): void {
    this.queue.push(item);
    if ('bytes' in item) this.backlogBytes += item.bytes.length;
    if (!this.isOwner && this.backlogBytes > MAX_BACKLOG_BYTES) this.skip();
    this.pump();
  }

  /** Leaves out all that waits. */
  private skip(): void {
    const first = this.queue[0]!;
    const last = this.queue.at(-1)!;
    const to = 'bytes' in last ? last.offset + last.bytes.length : last.gapTo;
    this.queue = [{ offset: first.offset, gapTo: to }];
    this.backlogBytes = 0;
  }

  private addMark(mark: Mark): void {
    if (this.marks.length >= MAX_PENDING_MARKS) return;
    this.marks.push(mark);
    this.marks.sort((a, b) => a.offset - b.offset);
    if (!this.busy) this.placeMarks();
  }

  private placeMarks(): void {
    while (this.marks.length > 0 && this.marks[0]!.offset <= this.shown) {
      this.screen.mark(this.marks.shift()!);
    }
  }

  private pump(): void {
    if (this.busy) return;
    const item = this.queue[0];
    if (!item) {
      this.settle();
      return;
    }
    this.busy = true;
    const generation = this.generation;
    const done = (to: number) => () => {
      if (generation !== this.generation) return;
      this.busy = false;
      this.shown = to;
      this.placeMarks();
      this.acknowledge();
      if (this.backlogBytes <= BACKLOG_BYTES) {
        this.wake?.();
        this.wake = undefined;
      }
      this.pump();
    };
    if ('gapTo' in item) {
      this.queue.shift();
      this.missingBytes += item.gapTo - item.offset;
      this.screen.gap(item.gapTo - item.offset, done(item.gapTo));
      this.events.changed();
      return;
    }
    const bytes = this.nextBytes(item);
    this.backlogBytes -= bytes.length;
    // Before the call: a screen may be done at once.
    if (bytes.length === item.bytes.length) this.queue.shift();
    else this.queue[0] = { offset: item.offset + bytes.length, bytes: item.bytes.subarray(bytes.length) };
    this.screen.write(bytes, done(item.offset + bytes.length));
  }

  /** Up to the next mark, so that it is placed exactly. */
  private nextBytes({ offset, bytes }: { offset: number; bytes: Uint8Array }): Uint8Array {
    const mark = this.marks.find((candidate) => candidate.offset > offset);
    const untilMark = mark ? mark.offset - offset : Infinity;
    return bytes.subarray(0, Math.min(bytes.length, CHUNK_BYTES, untilMark));
  }

  private acknowledge(): void {
    if (this.shown - this.acked >= ACK_BYTES) this.sendAck();
  }

  private sendAck(): void {
    if (!this.isOwner || this.shown === this.acked) return;
    this.acked = this.shown;
    this.events.ack(this.shown);
  }

  private settle(): void {
    if (!this.replaying || this.busy || this.replayEnd === undefined || this.shown < this.replayEnd) return;
    this.replaying = false;
    this.sendAck();
    this.events.changed();
  }
}
