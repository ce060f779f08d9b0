// Typed bytes on their way to the host: numbered, in order, each exactly once over any number of connections.
import { MAX_INPUT_CHUNK_BYTES } from './protocol';
import type { NumberedInput } from './transport';

/** Sent and not accepted. More waits here, so that a signal or a resize never queues behind a paste. */
export const MAX_IN_FLIGHT_BYTES = 64 * 1024;
/** Beyond this typing is refused: the host has not taken anything for long. */
export const MAX_WAITING_BYTES = 4 * 1024 * 1024;

interface Waiting {
  session: string;
  bytes: Uint8Array;
}

export class Outbox {
  private nextSeq = 1;
  private inFlight: NumberedInput[] = [];
  private inFlightBytes = 0;
  private waiting: Waiting[] = [];
  private waitingBytes = 0;
  private readonly maxInFlight: () => number;

  /** `maxInFlight`: how many inputs may be under way; a transport that cannot keep their order takes one. */
  constructor(maxInFlight: () => number = () => Infinity) {
    this.maxInFlight = maxInFlight;
  }

  /** Bytes that the host has not accepted. */
  get unacceptedBytes(): number {
    return this.inFlightBytes + this.waitingBytes;
  }

  /** False, and nothing taken, when too much waits already. */
  push(session: string, bytes: Uint8Array): boolean {
    if (bytes.length === 0) return true;
    if (this.waitingBytes + bytes.length > MAX_WAITING_BYTES) return false;
    for (let at = 0; at < bytes.length; at += MAX_INPUT_CHUNK_BYTES) this.queue(session, bytes.slice(at, at + MAX_INPUT_CHUNK_BYTES));
    this.waitingBytes += bytes.length;
    return true;
  }

  /** What may be sent now. It counts as under way from here on. */
  take(): NumberedInput[] {
    const out: NumberedInput[] = [];
    while (this.waiting.length > 0 && this.inFlight.length < this.maxInFlight()) {
      const { session, bytes } = this.waiting[0]!;
      if (this.inFlight.length > 0 && this.inFlightBytes + bytes.length > MAX_IN_FLIGHT_BYTES) break;
      this.waiting.shift();
      this.waitingBytes -= bytes.length;
      this.inFlightBytes += bytes.length;
      const input = { seq: this.nextSeq++, session, bytes };
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
  again(): NumberedInput[] {
    return this.inFlight.slice();
  }

  /**
   * The host waits for another number than ours. Below it everything is accepted. When it waits for one before ours, it
   * has forgotten this client (a restart): what is not accepted is numbered anew from there.
   */
  expect(seq: number): NumberedInput[] {
    this.accepted(seq - 1);
    const first = this.inFlight[0]?.seq ?? this.nextSeq;
    if (seq < first) {
      this.inFlight = this.inFlight.map((input, index) => ({ ...input, seq: seq + index }));
      this.nextSeq = seq + this.inFlight.length;
    }
    return this.again();
  }

  /** A session is over: what was meant for it goes nowhere. Numbers already given stay given. */
  forget(session: string): void {
    const kept = this.waiting.filter((entry) => entry.session !== session);
    this.waiting = kept;
    this.waitingBytes = kept.reduce((sum, { bytes }) => sum + bytes.length, 0);
  }

  /** Keys typed while something is under way travel together, in one message. */
  private queue(session: string, bytes: Uint8Array): void {
    const last = this.waiting.at(-1);
    if (last && last.session === session && last.bytes.length + bytes.length <= MAX_INPUT_CHUNK_BYTES) {
      const joined = new Uint8Array(last.bytes.length + bytes.length);
      joined.set(last.bytes);
      joined.set(bytes, last.bytes.length);
      last.bytes = joined;
    } else {
      this.waiting.push({ session, bytes });
    }
  }
}
