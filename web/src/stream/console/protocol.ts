// The console's protocol as types, and its binary frames. Data only; docs/console.md is the contract.
import type { LogLine, Run, TenantUsage } from '../../api/types';
import { base64ToBytes } from '../../lib/bytes';

export const SUBPROTOCOL = 'cloister.console.v1';

/** What a client may send in one frame or one POST; the host closes on 64 KiB. */
export const MAX_INPUT_CHUNK_BYTES = 16 * 1024;

/** `resume`: what this client is already. */
export type Role = 'owner' | 'viewer' | 'resume';
export type InputMode = 'line' | 'raw';
export type ByteStream = 'terminal' | 'stdout' | 'stderr';

/** `from` of `commands` is a byte offset, of `logs` a cursor, of `output` a place in both streams. */
export type Subscription =
  | { ch: number; channel: 'commands'; session: string; from?: number; marks?: number; mode?: Role; columns?: number; lines?: number }
  | { ch: number; channel: 'logs'; filter?: Record<string, string | string[]>; from?: string; last?: number }
  | { ch: number; channel: 'system' }
  | { ch: number; channel: 'output'; run: string; from?: string };

export interface Mark {
  /** Counts marks and modes of a session, from 0, without holes. */
  n: number;
  kind: 'prompt' | 'command' | 'end';
  offset: number;
  line?: string;
  run?: string;
  exit_code?: number;
  outcome?: string;
  duration_ms?: number;
  background?: boolean;
}

export interface SessionInfo {
  id: string;
  name: string;
  created_by: string;
  created_at: string;
  columns: number;
  lines: number;
  mode: InputMode;
  /** Written so far. */
  bytes: number;
  /** Connections that show it. */
  attached: number;
  /** Its owner is connected. */
  owned: boolean;
}

export interface SystemState {
  usage?: TenantUsage;
  runs?: Run[];
  sessions?: SessionInfo[];
}

export interface Attached {
  type: 'attached';
  from: number;
  size: number;
  truncated: boolean;
  /** At `from`. */
  mode: InputMode;
  /** This client may type. */
  you: boolean;
  columns: number;
  lines: number;
  marks: Mark[];
}

/** Everything a subscription can be told. `bytes` is decoded already, whatever form it came in. */
export type ConsoleEvent =
  | Attached
  | { type: 'bytes'; stream: ByteStream; offset: number; bytes: Uint8Array }
  | { type: 'replay_end'; offset: number }
  | ({ type: 'mark' } & Mark)
  | { type: 'mode'; n: number; mode: InputMode; mode_offset: number }
  | { type: 'size'; columns: number; lines: number }
  | { type: 'owner'; client?: string; you: boolean }
  | { type: 'gap'; stream?: 'stdout' | 'stderr'; from: number; to: number; count: number }
  | { type: 'lines'; lines: LogLine[] }
  | { type: 'following' }
  | ({ type: 'snapshot' | 'changed' } & SystemState)
  | { type: 'exit'; run?: Run; exit_code?: number; reason?: 'exited' | 'ended' | 'idle' | 'revoked' | 'stopping' }
  | { type: 'error'; code: string; detail: string; session?: string; seq?: number; expected?: number };

/** What concerns the connection and no subscription. */
export type LinkEvent =
  | { type: 'hello'; protocol: string; client: string; heartbeat_s: number; window_bytes: number }
  | { type: 'accepted'; session: string; seq: number }
  | { type: 'heartbeat' };

export interface Framed {
  ch: number | undefined;
  event: ConsoleEvent | LinkEvent;
  cursor: string | undefined;
}

export type ClientMessage =
  | { type: 'signal'; session: string; signal: 'interrupt' }
  | { type: 'resize'; session: string; columns: number; lines: number }
  | { type: 'ack'; session: string; offset: number }
  | { type: 'take_over'; session: string };

const STREAMS: ByteStream[] = ['terminal', 'stdout', 'stderr'];
const FRAME_HEAD_BYTES = 10;

/** A binary frame: channel, stream, offset of its first byte, bytes. Undefined when it is none. */
export function parseFrame(data: ArrayBuffer): Framed | undefined {
  if (data.byteLength < FRAME_HEAD_BYTES) return undefined;
  const view = new DataView(data);
  const stream = STREAMS[view.getUint8(1)];
  const offset = Number(view.getBigUint64(2));
  if (stream === undefined || !Number.isSafeInteger(offset)) return undefined;
  return { ch: view.getUint8(0), event: { type: 'bytes', stream, offset, bytes: new Uint8Array(data, FRAME_HEAD_BYTES) }, cursor: undefined };
}

/** A JSON event, from a text frame, an SSE event or a poll. Undefined when it is no event at all. */
export function parseEvent(value: unknown): Framed | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const raw = value as Record<string, unknown>;
  if (typeof raw.type !== 'string') return undefined;
  const ch = typeof raw.ch === 'number' ? raw.ch : undefined;
  const cursor = typeof raw.cursor === 'string' ? raw.cursor : undefined;
  if (raw.type === 'bytes') {
    const { stream, offset, data } = raw;
    if (typeof offset !== 'number' || typeof data !== 'string') return undefined;
    const event: ConsoleEvent = { type: 'bytes', stream: (stream ?? 'terminal') as ByteStream, offset, bytes: base64ToBytes(data) };
    return { ch, event, cursor };
  }
  return { ch, event: raw as unknown as ConsoleEvent | LinkEvent, cursor };
}

export function parseText(text: string): Framed | undefined {
  try {
    return parseEvent(JSON.parse(text));
  } catch {
    return undefined;
  }
}
