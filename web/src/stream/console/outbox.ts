// Typed bytes of one session on their way to the host: numbered, in order, each exactly once over any number of connections.
import { MAX_INPUT_CHUNK_BYTES } from './protocol';

/** Sent and not accepted. More waits here: the host takes as much before the guest reads. */
export const MAX_IN_FLIGHT_BYTES = 64 * 1024;
/** Beyond this typing is refused: the guest has not read anything for long. */
export const MAX_WAITING_BYTES = 4 * 1024 * 1024;

/** One chunk under its number; numbers count up from 1 without holes for each client and session. */
export interface Numbered {
  seq: number;
  bytes: Uint8Array;
}

export class Outbox {
  private nextSeq = 1;
  private inFlight: Numbered[] = [];
  private inFlightBytes = 0;
  private waiting: Uint8Array[] = [];
  private waitingBytes = 0;

  /** Bytes that the host has not accepted. */
  get unacceptedBytes(): number {
    return this.inFlightBytes + this.waitingBytes;
  }

  /** False, and nothing taken, when too much waits already. */
  push(bytes: Uint8Array): boolean {
    if (this.waitingBytes + bytes.length > MAX_WAITING_BYTES) return false;
    for (let at = 0; at < bytes.length; at += MAX_INPUT_CHUNK_BYTES) this.queue(bytes.slice(at, at + MAX_INPUT_CHUNK_BYTES));
    this.waitingBytes += bytes.length;
    return true;
  }

  /** What may be sent now, with at most `maxInFlight` inputs under way. It counts as under way from here on. */
  take(maxInFlight: number): Numbered[] {
    const out: Numbered[] = [];
    while (this.waiting.length > 0 && this.inFlight.length < maxInFlight) {
      const bytes = this.waiting[0]!;
      if (this.inFlight.length > 0 && this.inFlightBytes + bytes.length > MAX_IN_FLIGHT_BYTES) break;
      this.waiting.shift();
      this.waitingBytes -= bytes.length;
      this.inFlightBytes += bytes.length;
      const input = { seq: this.nextSeq++, bytes };
      this.inFlight.push(input);
      out.push(input);
    }
    return out;
  }

  /** The host has everything up to `seq`. */
  accepted(seq: number): void {
    while (this.inFlight.length > 0 && this.inFlight[0]!.seq <= seq) {
      this.inFlightBytes -= this.inFlight.shift()!.bytes.length;
    }
  }

  /** Sent before and not accepted, in order: what a new connection begins with. */
  again(): Numbered[] {
    return this.inFlight.slice();
  }

  /**
   * The host waits for another number than ours. Below it everything is accepted. When it waits for one before ours, it
   * has forgotten this client: what is not accepted is numbered anew from there.
   */
  expect(seq: number): void {
    this.accepted(seq - 1);
    const first = this.inFlight[0]?.seq ?? this.nextSeq;
    if (seq >= first) return;
    this.inFlight = this.inFlight.map((input, index) => ({ ...input, seq: seq + index }));
    this.nextSeq = seq + this.inFlight.length;
  }

  /** The host refuses `seq` for good, and with it what was typed since. The next input takes that number. */
  refused(seq: number): void {
    if (seq >= this.nextSeq) return;
    this.accepted(seq - 1);
    this.inFlight = [];
    this.inFlightBytes = 0;
    this.waiting = [];
    this.waitingBytes = 0;
    this.nextSeq = seq;
  }

  /** Keys typed while something is under way travel together, in one message. */
  private queue(bytes: Uint8Array): void {
    const last = this.waiting.at(-1);
    if (!last || last.length + bytes.length > MAX_INPUT_CHUNK_BYTES) {
      this.waiting.push(bytes);
      return;
    }
    const joined = new Uint8Array(last.length + bytes.length);
    joined.set(last);
    joined.set(bytes, last.length);
    this.waiting[this.waiting.length - 1] = joined;
  }
}
