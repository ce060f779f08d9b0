// The mock's console sessions: what they showed, who is attached, who owns them, and the window that slows them.
import { newId } from './state.mjs';
import { Refusal } from './http.mjs';
import { Shell } from './shell.mjs';

const WINDOW_BYTES = 256 * 1024;
const HISTORY_BYTES = 1024 * 1024;
const PIECE_BYTES = 32 * 1024;

export class Session {
  bytes = Buffer.alloc(0);
  /** Offset of the first byte that is kept. */
  start = 0;
  notes = [];
  mode = 'line';
  owner = undefined;
  ownerChanges = 0;
  sizeChanges = 0;
  acked = 0;
  attached = new Map();
  taken = new Map();
  over = undefined;
  listeners = new Set();
  attachments = 0;

  constructor(tenant, user, { name = 'console', columns = 80, lines = 24 }) {
    Object.assign(this, { tenant, user, name, columns, lines, id: newId('con'), createdAt: new Date().toISOString() });
    this.shell = new Shell(this, tenant, user);
  }

  get end_() {
    return this.start + this.bytes.length;
  }

  info() {
    const { id, name, columns, lines, mode } = this;
    const owned = [...this.attached.values()].includes(this.owner);
    return { id, name, created_by: this.user.id, created_at: this.createdAt, columns, lines, mode, bytes: this.end_, attached: this.attached.size, owned };
  }

  changed() {
    for (const listener of [...this.listeners]) listener();
  }

  print(text) {
    this.bytes = Buffer.concat([this.bytes, Buffer.from(text)]);
    if (this.bytes.length > HISTORY_BYTES) {
      this.start += this.bytes.length - HISTORY_BYTES;
      this.bytes = this.bytes.subarray(this.bytes.length - HISTORY_BYTES);
    }
    this.changed();
  }

  /** Waits while the owner has not shown what was written. */
  async write(bytes) {
    while (!this.over && this.info().owned && this.end_ - this.acked >= WINDOW_BYTES) {
      await new Promise((resolve) => {
        const listener = () => (this.listeners.delete(listener), resolve());
        this.listeners.add(listener);
      });
    }
    if (!this.over) this.print(bytes);
  }

  mark(kind, more = {}) {
    this.notes.push({ n: this.notes.length, type: 'mark', kind, offset: this.end_, ...more });
    this.changed();
  }

  setMode(mode) {
    this.mode = mode;
    this.notes.push({ n: this.notes.length, type: 'mode', mode, mode_offset: this.end_, offset: this.end_ });
    this.changed();
  }

  end(reason, exitCode) {
    this.over = { reason, ...(exitCode === undefined ? {} : { exit_code: exitCode }) };
    this.shell.running?.cancel();
    this.tenant.sessions.delete(this.id);
    this.tenant.changed();
    this.changed();
  }

  /** Gives what `attached` says and where the attachment stands. */
  attach(client, { from, marks, mode = 'owner', columns, lines }, mine) {
    const owns = mine && (mode === 'owner' || (mode === 'resume' && this.owner === client));
    const begin = Math.max(from ?? this.start, this.start);
    const number = this.attachments++;
    this.attached.set(number, client);
    if (owns) {
      if (this.owner !== client) this.setOwner(client);
      this.acked = begin;
      if (columns && lines) this.resize(columns, lines);
    }
    const place = { offset: begin, notes: marks ?? this.notes.findIndex((note) => note.offset >= begin), owner: this.ownerChanges, size: this.sizeChanges, replayed: this.end_ };
    if (place.notes < 0) place.notes = this.notes.length;
    const before = marks === undefined ? this.notes.slice(0, place.notes).filter(({ type }) => type === 'mark') : [];
    const told = { from: begin, size: this.end_, truncated: from !== undefined && begin > from, mode: this.mode, you: owns, columns: this.columns, lines: this.lines, marks: before };
    this.changed();
    return { number, place, told, gap: told.truncated ? { from, to: begin, count: begin - from } : undefined };
  }

  detach(number) {
    this.attached.delete(number);
    this.changed();
  }

  setOwner(client) {
    this.owner = client;
    this.ownerChanges += 1;
    this.acked = this.end_;
  }

  resize(columns, lines) {
    if (columns === this.columns && lines === this.lines) return;
    Object.assign(this, { columns, lines });
    this.sizeChanges += 1;
  }

  /** What comes next at a place, which moves; undefined when there is nothing yet. */
  next(place, client) {
    if (place.gone) return undefined;
    if (place.owner !== this.ownerChanges) {
      place.owner = this.ownerChanges;
      return { type: 'owner', client: this.owner, you: this.owner === client };
    }
    if (place.size !== this.sizeChanges) {
      place.size = this.sizeChanges;
      return { type: 'size', columns: this.columns, lines: this.lines };
    }
    const note = this.notes[place.notes];
    if (note && note.offset <= place.offset) {
      place.notes += 1;
      return note;
    }
    if (place.replayed !== undefined && place.offset >= place.replayed) {
      place.replayed = undefined;
      return { type: 'replay_end', offset: place.offset };
    }
    if (place.offset < this.end_) {
      if (place.offset < this.start) {
        const gap = { type: 'gap', from: place.offset, to: this.start, count: this.start - place.offset };
        place.offset = this.start;
        return gap;
      }
      const limit = Math.min(this.end_, place.offset + PIECE_BYTES, note?.offset ?? Infinity);
      const bytes = this.bytes.subarray(place.offset - this.start, limit - this.start);
      const event = { type: 'bytes', stream: 'terminal', offset: place.offset, bytes };
      place.offset = limit;
      return event;
    }
    if (!this.over) return undefined;
    place.gone = true;
    return { type: 'exit', ...this.over };
  }

  /** Messages of a client; throws a Refusal with `expected` where there is one. Gives the last number taken. */
  say(client, user, message, seq) {
    const last = this.taken.get(client) ?? 0;
    if (user !== this.user || (this.owner !== client && message.type !== 'take_over')) throw new Refusal(409, 'not_owner', 'Another client owns the session.');
    if (message.type === 'input') {
      if (seq > last + 1) throw Object.assign(new Refusal(409, 'out_of_order', 'Input is missing in between.'), { expected: last + 1 });
      if (seq === last + 1) {
        this.taken.set(client, seq);
        this.shell.input(message.text ?? Buffer.from(message.data, 'base64').toString());
      }
      return Math.max(last, seq);
    }
    if (message.type === 'signal') this.shell.interrupt();
    else if (message.type === 'ack') this.acked = Math.max(this.acked, message.offset);
    else if (message.type === 'resize') this.resize(message.columns, message.lines);
    else if (message.type === 'take_over') this.setOwner(client);
    this.changed();
    return last;
  }
}
