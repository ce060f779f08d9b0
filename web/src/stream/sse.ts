// A parser for server-sent events, from bytes to events (WHATWG HTML, section 9.2.6). Knows no network.

export interface SseEvent {
  event: string;
  data: string;
  /** The id in force when the event was dispatched: the cursor to resume after it. */
  id: string;
}

/** One event may not grow beyond this: a host that never ends a line must not fill the tab's memory. */
const MAX_EVENT_CHARS = 8 * 1024 * 1024;

export class SseParser {
  /** Set by a `retry:` field. */
  retryMs: number | undefined;
  private readonly decoder = new TextDecoder('utf-8');
  private rest = '';
  private skipLf = false;
  private event = '';
  private data: string[] = [];
  private dataChars = 0;
  private lastId = '';

  /** Takes a chunk and gives the events it completes, in order. */
  push(chunk: Uint8Array): SseEvent[] {
    const events: SseEvent[] = [];
    const text = this.rest + this.decoder.decode(chunk, { stream: true });
    let start = 0;
    for (let i = this.rest.length; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (this.skipLf) {
        this.skipLf = false;
        if (code === 10) {
          start = i + 1;
          continue;
        }
      }
      if (code !== 10 && code !== 13) continue;
      this.line(text.slice(start, i), events);
      start = i + 1;
      // CR, LF and CR LF all end a line, and a chunk may end between CR and LF.
      this.skipLf = code === 13;
    }
    this.rest = text.slice(start);
    if (this.rest.length + this.dataChars > MAX_EVENT_CHARS) throw new Error('The host sent an event that is too long.');
    return events;
  }

  private line(line: string, events: SseEvent[]): void {
    if (line === '') {
      this.dispatch(events);
      return;
    }
    const colon = line.indexOf(':');
    if (colon === 0) return;
    const field = colon < 0 ? line : line.slice(0, colon);
    let value = colon < 0 ? '' : line.slice(colon + 1);
    if (value.startsWith(' ')) value = value.slice(1);
    if (field === 'data') {
      this.data.push(value);
      this.dataChars += value.length;
    } else if (field === 'event') {
      this.event = value;
    } else if (field === 'id') {
      if (!value.includes('\0')) this.lastId = value;
    } else if (field === 'retry' && /^\d+$/.test(value)) {
      this.retryMs = Number(value);
    }
  }

  private dispatch(events: SseEvent[]): void {
    if (this.data.length > 0) {
      events.push({ event: this.event || 'message', data: this.data.join('\n'), id: this.lastId });
    }
    this.event = '';
    this.data = [];
    this.dataChars = 0;
  }
}
