// One session on one screen: the terminal, fed with flow control; keys, blocks, search. Knows no markup beyond its element.
import type { ConsoleConnection, Subscribed } from '../stream/console/connection';
import { Blocks, type Block } from '../stream/console/blocks';
import { ScreenFeed, type Screen } from '../stream/console/feed';
import type { ConsoleEvent, Mark } from '../stream/console/protocol';
import { isTerminalReply } from '../stream/console/replies';
import { formatBytes } from '../lib/format';
import { makeTerminal, readRows, SearchAddon, type IMarker, type MadeTerminal } from './xterm';

const SCROLLBACK_LINES = 20_000;
/** The host takes terminals of 1 to 1,000. */
const MAX_CELLS = 1_000;
/** After this rest a new size is told: dragging a window makes many. */
const RESIZE_REST_MS = 120;

export interface SessionView {
  phase: 'attaching' | 'live' | 'over';
  /** This page may type. */
  isOwner: boolean;
  /** The guest reads keys as they come, without line editing. */
  raw: boolean;
  /** History is still on its way to the screen. */
  replaying: boolean;
  truncated: boolean;
  missingBytes: number;
  blocks: readonly Block[];
  atPrompt: boolean;
  /** The block that the top of the screen, or the last jump, is in. */
  current: Block | undefined;
  problem: { code: string; detail: string } | undefined;
  exit: (ConsoleEvent & { type: 'exit' }) | undefined;
  matches: { index: number; count: number } | undefined;
}

export interface SessionScreenOptions {
  connection: ConsoleConnection;
  session: string;
  role: 'owner' | 'viewer';
  label: string;
  screenReader: boolean;
  /** Several lines at once may run several commands: somebody is asked first. `waits`: the session takes a paste as text and runs nothing yet. */
  onPasteLines: (paste: { text: string; waits: boolean }) => void;
  onSearch: () => void;
  onOutput: () => void;
}

export class SessionScreen {
  private readonly options: SessionScreenOptions;
  private readonly element: HTMLElement;
  private readonly made: MadeTerminal;
  private readonly searcher = new SearchAddon();
  private readonly feed: ScreenFeed;
  private readonly blocks = new Blocks();
  private readonly starts = new Map<number, IMarker>();
  private readonly ends = new Map<number, IMarker>();
  private readonly subscription: Subscribed;
  private readonly observer: ResizeObserver;
  private readonly listeners = new Set<() => void>();
  private readonly scrollListeners = new Set<() => void>();
  private readonly onPaste = (event: ClipboardEvent) => this.pasted(event);
  private view: SessionView;
  private problem: SessionView['problem'];
  private exit: SessionView['exit'];
  private matches: SessionView['matches'];
  private jumped: number | undefined;
  private attached = false;
  private escaped = false;
  private resizeTimer: number | undefined;
  private frame: number | undefined;

  constructor(element: HTMLElement, options: SessionScreenOptions) {
    this.options = options;
    this.element = element;
    this.made = makeTerminal(element, { scrollback: SCROLLBACK_LINES, screenReaderMode: options.screenReader, cursorInactiveStyle: 'outline', macOptionIsMeta: true });
    const { terminal } = this.made;
    terminal.loadAddon(this.searcher);
    this.searcher.onDidChangeResults(({ resultIndex, resultCount }) => {
      this.matches = { index: resultIndex, count: resultCount };
      this.changed();
    });
    terminal.textarea?.setAttribute('aria-label', options.label);
    terminal.textarea?.setAttribute('aria-describedby', 'terminal-keys');
    terminal.attachCustomKeyEventHandler((event) => this.key(event));
    terminal.onData((data) => this.typed(data));
    terminal.onBinary((data) => this.send(Uint8Array.from(data, (char) => char.charCodeAt(0))));
    terminal.onScroll(() => this.scrolled());
    terminal.onRender(() => this.scrolled());
    element.addEventListener('paste', this.onPaste, { capture: true });
    this.feed = new ScreenFeed(this.screen(), {
      ack: (offset) => options.connection.say({ type: 'ack', session: options.session, offset }),
      changed: () => this.changed(),
    });
    this.view = this.look();
    this.fitNow();
    this.observer = new ResizeObserver(() => this.resized());
    this.observer.observe(element);
    const { cols, rows } = terminal;
    this.subscription = options.connection.subscribe(
      { channel: 'commands', session: options.session, from: 0, mode: options.role, columns: cols, lines: rows },
      (event) => this.handle(event),
    );
  }

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  getSnapshot = (): SessionView => this.view;

  /** Called when rows move: for what is drawn beside them. */
  onMoved(listener: () => void): () => void {
    this.scrollListeners.add(listener);
    return () => this.scrollListeners.delete(listener);
  }

  dispose(): void {
    clearTimeout(this.resizeTimer);
    if (this.frame !== undefined) cancelAnimationFrame(this.frame);
    this.subscription.unsubscribe();
    this.observer.disconnect();
    this.element.removeEventListener('paste', this.onPaste, { capture: true });
    this.made.dispose();
  }

  focus(): void {
    this.made.terminal.focus();
  }

  setScreenReader(on: boolean): void {
    this.made.terminal.options.screenReaderMode = on;
  }

  /** As typed. False when the host has not taken what was typed for long. */
  send(data: string | Uint8Array): boolean {
    if (!this.feed.isOwner || this.exit) return false;
    const { connection, session } = this.options;
    return connection.type(session, typeof data === 'string' ? new TextEncoder().encode(data) : data);
  }

  /** Goes through the terminal, which marks it as a paste where the guest asked for that. */
  paste(text: string): void {
    this.made.terminal.paste(text);
    this.focus();
  }

  interrupt(): void {
    const { connection, session } = this.options;
    connection.say({ type: 'signal', session, signal: 'interrupt' });
  }

  takeOver(): void {
    const { connection, session } = this.options;
    connection.say({ type: 'take_over', session });
    this.focus();
  }

  run(line: string): void {
    this.jumped = undefined;
    this.send(`${line}\r`);
    this.made.terminal.scrollToBottom();
    this.focus();
  }

  selection(): string {
    return this.made.terminal.getSelection();
  }

  text(): string {
    return readRows(this.made.terminal);
  }

  /** What a command wrote, as far as it is still in the scrollback. */
  outputOf(block: Block): string {
    const start = this.starts.get(block.id);
    if (!start || start.isDisposed) return '';
    const end = this.ends.get(block.id);
    return readRows(this.made.terminal, start.line, end && !end.isDisposed ? end.line : Infinity);
  }

  /** Up or down by one command, from the one on the screen. */
  jump(by: -1 | 1): void {
    const { list } = this.blocks;
    const at = list.findIndex(({ id }) => id === this.view.current?.id);
    const top = this.made.terminal.buffer.active.viewportY;
    const isAbove = at >= 0 && (this.lineOf(list[at]!) ?? 0) < top;
    const target = by < 0 && isAbove && this.jumped === undefined ? list[at] : list[at < 0 ? (by < 0 ? list.length - 1 : 0) : at + by];
    if (target) this.show(target);
    else if (by > 0) {
      this.jumped = undefined;
      this.made.terminal.scrollToBottom();
      this.changed();
    }
  }

  show(block: Block): void {
    const line = this.lineOf(block);
    if (line === undefined) return;
    this.jumped = block.id;
    this.made.terminal.scrollToLine(Math.max(0, line));
    this.changed();
  }

  search(text: string, back: boolean): void {
    const decorations = { matchBackground: '#4a4a20', activeMatchBackground: '#8a6d1a', matchOverviewRuler: '#e3bd72', activeMatchColorOverviewRuler: '#f5d594' };
    if (text === '') return this.endSearch();
    if (back) this.searcher.findPrevious(text, { decorations });
    else this.searcher.findNext(text, { decorations, incremental: false });
  }

  endSearch(): void {
    this.searcher.clearDecorations();
    this.made.terminal.clearSelection();
    this.matches = undefined;
    this.changed();
  }

  /** Blocks on the screen, and at which pixel from the top of the rows each begins. */
  gutter(): { block: Block; topPx: number; heightPx: number }[] {
    const { terminal } = this.made;
    const screen = this.element.querySelector('.xterm-screen');
    const rowPx = screen ? screen.clientHeight / terminal.rows : 0;
    const offsetPx = screen ? screen.getBoundingClientRect().top - this.element.getBoundingClientRect().top : 0;
    const top = terminal.buffer.active.viewportY;
    const bottom = top + terminal.rows;
    const out = [];
    for (const block of this.blocks.list) {
      const line = this.lineOf(block);
      if (line === undefined) continue;
      const end = this.ends.get(block.id);
      const endLine = end && !end.isDisposed ? Math.max(line + 1, end.line) : terminal.buffer.active.baseY + terminal.buffer.active.cursorY + 1;
      if (endLine <= top || line >= bottom) continue;
      const first = Math.max(line, top);
      out.push({ block, topPx: offsetPx + (first - top) * rowPx, heightPx: (Math.min(endLine, bottom) - first) * rowPx });
    }
    return out;
  }

  /** The row of the prompt at which a command was typed. */
  private lineOf(block: Block): number | undefined {
    const marker = this.starts.get(block.id);
    return !marker || marker.isDisposed ? undefined : Math.max(0, marker.line - 1);
  }

  private screen(): Screen {
    const { terminal } = this.made;
    return {
      write: (bytes, done) => terminal.write(bytes, done),
      reset: () => {
        terminal.reset();
        this.blocks.reset();
        this.starts.clear();
        this.ends.clear();
      },
      mark: (mark) => this.mark(mark),
      gap: (bytes, done) => terminal.write(`\r\n\x1b[0;2m[${formatBytes(bytes)} of output are missing here]\x1b[0m\r\n`, done),
    };
  }

  private mark(mark: Mark): void {
    this.blocks.apply(mark);
    const marker = mark.kind === 'prompt' ? undefined : this.made.terminal.registerMarker(0);
    if (marker && mark.kind === 'command') this.starts.set(mark.offset, marker);
    if (marker && mark.kind === 'end') {
      const block = this.blocks.list.findLast(({ end }) => end?.offset === mark.offset);
      if (block) this.ends.set(block.id, marker);
    }
    this.changed();
  }

  private handle(event: ConsoleEvent): void | Promise<void> {
    if (event.type === 'attached') {
      const first = !this.attached;
      this.attached = true;
      this.problem = undefined;
      if (!event.you) this.made.terminal.resize(event.columns, event.lines);
      else if (!first) this.tellSize();
    } else if (event.type === 'size' && !this.feed.isOwner) {
      this.made.terminal.resize(event.columns, event.lines);
    } else if (event.type === 'exit') {
      this.exit = event;
      this.options.connection.forget(this.options.session);
      this.changed();
    } else if (event.type === 'error') {
      this.problem = { code: event.code, detail: event.detail };
      this.changed();
    } else if (event.type === 'bytes') {
      this.options.onOutput();
    }
    const result = this.feed.handle(event);
    if (event.type === 'owner' && event.you) {
      this.problem = undefined;
      this.fitNow();
      this.tellSize();
    }
    return result;
  }

  /** False: the browser, or the page, has the key. */
  private key(event: KeyboardEvent): boolean {
    if (event.type !== 'keydown') return true;
    const { ctrlKey, shiftKey, altKey, key } = event;
    if (!this.escape(event)) return false;
    if (ctrlKey && shiftKey && !altKey) return this.shiftKey(event);
    if (ctrlKey && !altKey && !shiftKey && (key === 'ArrowUp' || key === 'ArrowDown')) {
      event.preventDefault();
      this.jump(key === 'ArrowUp' ? -1 : 1);
      return false;
    }
    if (ctrlKey && !shiftKey && !altKey && key.toLowerCase() === 'c' && !this.feed.raw) {
      event.preventDefault();
      if (this.feed.isOwner) this.interrupt();
      return false;
    }
    return true;
  }

  /**
   * Escape and then Tab leads out of the terminal. In line mode an Escape means something only with what follows, so it
   * is held back until that is known: sent at once, it would swallow the first key after coming back.
   */
  private escape({ key, ctrlKey, altKey, metaKey }: KeyboardEvent): boolean {
    if (['Shift', 'Control', 'Alt', 'Meta'].includes(key)) return true;
    const wasEscaped = this.escaped;
    this.escaped = key === 'Escape' && !ctrlKey && !altKey && !metaKey;
    if (wasEscaped && key === 'Tab') return false;
    if (wasEscaped && !this.feed.raw) this.send('\x1b');
    return !this.escaped || this.feed.raw;
  }

  private shiftKey(event: KeyboardEvent): boolean {
    const key = event.key.toLowerCase();
    if (key === 'c') {
      event.preventDefault();
      const text = this.selection();
      if (text) void navigator.clipboard?.writeText(text);
      return false;
    }
    if (key === 'f') {
      event.preventDefault();
      this.options.onSearch();
      return false;
    }
    // The browser pastes by itself on Ctrl+Shift+V; the paste comes as an event.
    return key !== 'v';
  }

  private typed(data: string): void {
    // What the terminal answers to output is no typing: never during a replay, and in line mode it would be edited.
    if ((this.feed.replaying || !this.feed.raw) && isTerminalReply(data)) return;
    this.jumped = undefined;
    if (!this.send(data) && this.feed.isOwner && !this.exit) {
      this.problem = { code: 'input_waits', detail: 'The command has not read what was typed before. Wait, or interrupt it.' };
      this.changed();
    }
  }

  private pasted(event: ClipboardEvent): void {
    const text = event.clipboardData?.getData('text/plain') ?? '';
    event.preventDefault();
    event.stopPropagation();
    if (!this.feed.isOwner || text === '') return;
    if (/[\r\n]/.test(text.replace(/\r?\n$/, ''))) this.options.onPasteLines({ text, waits: this.made.terminal.modes.bracketedPasteMode });
    else this.paste(text);
  }

  private resized(): void {
    clearTimeout(this.resizeTimer);
    this.resizeTimer = window.setTimeout(() => {
      const { cols, rows } = this.made.terminal;
      this.fitNow();
      if (cols !== this.made.terminal.cols || rows !== this.made.terminal.rows) this.tellSize();
    }, RESIZE_REST_MS);
  }

  /** A viewer keeps the owner's size, or its lines would break elsewhere. */
  private fitNow(): void {
    if (this.element.clientWidth === 0 || (this.attached && !this.feed.isOwner)) return;
    const size = this.made.fit.proposeDimensions();
    if (!size || !Number.isFinite(size.cols) || !Number.isFinite(size.rows)) return;
    this.made.terminal.resize(Math.min(MAX_CELLS, Math.max(2, size.cols)), Math.min(MAX_CELLS, Math.max(1, size.rows)));
  }

  private tellSize(): void {
    const { connection, session } = this.options;
    const { cols, rows } = this.made.terminal;
    if (this.feed.isOwner) connection.say({ type: 'resize', session, columns: cols, lines: rows });
  }

  private scrolled(): void {
    for (const listener of this.scrollListeners) listener();
    if (this.currentBlock()?.id !== this.view.current?.id) this.changed();
  }

  private currentBlock(): Block | undefined {
    const { list } = this.blocks;
    if (this.jumped !== undefined) return list.find(({ id }) => id === this.jumped);
    const { viewportY, baseY } = this.made.terminal.buffer.active;
    // At the end it is the last one; further up the one whose output the top row belongs to.
    if (viewportY >= baseY) return list.at(-1);
    return list.findLast((block) => (this.lineOf(block) ?? Infinity) <= viewportY) ?? list[0];
  }

  private look(): SessionView {
    const { feed, blocks } = this;
    return {
      phase: this.exit ? 'over' : this.attached ? 'live' : 'attaching',
      isOwner: feed.isOwner && !this.exit,
      raw: feed.raw,
      replaying: feed.replaying,
      truncated: feed.truncated,
      missingBytes: feed.missingBytes,
      blocks: blocks.list,
      atPrompt: blocks.atPrompt,
      current: this.currentBlock(),
      problem: this.problem,
      exit: this.exit,
      matches: this.matches,
    };
  }

  /** Many changes in a frame make one render. */
  private changed(): void {
    if (this.frame !== undefined) return;
    const act = () => {
      this.frame = undefined;
      this.view = this.look();
      for (const listener of this.listeners) listener();
    };
    this.frame = document.visibilityState === 'hidden' ? window.setTimeout(act, 100) : requestAnimationFrame(act);
  }
}
