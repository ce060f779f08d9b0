// The terminal that shows a run's output. In a chunk of its own: nothing else may import the terminal library.
import { FitAddon } from '@xterm/addon-fit';
import { Terminal, type ITheme } from '@xterm/xterm';
import '@xterm/xterm/css/xterm.css';
import { useEffect, useRef, useState } from 'react';
import { CrlfConverter } from '../lib/bytes';

/** Bytes handed to the terminal and not parsed yet. Beyond this the stream waits, and with it the host. */
const MAX_IN_FLIGHT_BYTES = 64 * 1024;
const MIN_ROWS = 7;
const MAX_ROWS = 24;
const SCROLLBACK_LINES = 10_000;

export interface TerminalSink {
  /** Resolves at once while the terminal keeps up. */
  write(bytes: Uint8Array): Promise<void>;
  reset(): void;
}

interface OutputTerminalProps {
  /** Feeds the terminal until the signal aborts. A new function means a new output. */
  source: (sink: TerminalSink, signal: AbortSignal) => void;
  label: string;
  plain: boolean;
  /** Gives the parent a way to read what is shown, for copying. */
  onReader: (read: () => string) => void;
}

export default function OutputTerminal({ source, label, plain, onReader }: OutputTerminalProps) {
  const host = useRef<HTMLDivElement>(null);
  const [text, setText] = useState('');
  const plainRef = useRef(plain);
  const refresh = useRef<() => void>(() => undefined);

  useEffect(() => {
    plainRef.current = plain;
    refresh.current();
  }, [plain]);

  useEffect(() => {
    const element = host.current;
    if (!element) return;
    const terminal = new Terminal({
      disableStdin: true,
      cursorBlink: false,
      cursorInactiveStyle: 'none',
      fontFamily: getComputedStyle(element).getPropertyValue('--mono') || 'monospace',
      fontSize: 13,
      lineHeight: 1.3,
      scrollback: SCROLLBACK_LINES,
      rows: MIN_ROWS,
      screenReaderMode: true,
      minimumContrastRatio: 4.5,
      theme: themeOf(element),
    });
    const fit = new FitAddon();
    terminal.loadAddon(fit);
    terminal.open(element);
    // No key goes to the guest, so all of them stay with the browser: Tab leaves, and copying works as elsewhere.
    terminal.attachCustomKeyEventHandler(() => false);
    terminal.textarea?.setAttribute('aria-label', label);
    terminal.textarea?.setAttribute('aria-readonly', 'true');
    const resize = () => {
      // Zero while hidden; a fit to nothing would wrap every line.
      if (element.clientWidth > 0) fit.fit();
    };
    resize();
    const observer = new ResizeObserver(resize);
    observer.observe(element);
    const recolour = () => (terminal.options.theme = themeOf(element));
    const themes = new MutationObserver(recolour);
    themes.observe(document.documentElement, { attributes: true, attributeFilter: ['data-theme'] });
    const system = matchMedia('(prefers-color-scheme: dark)');
    system.addEventListener('change', recolour);

    let pending: number | undefined;
    refresh.current = () => {
      clearTimeout(pending);
      pending = window.setTimeout(() => plainRef.current && setText(read(terminal)), 60);
    };
    onReader(() => read(terminal));
    const grow = () => {
      const used = terminal.buffer.active.baseY + terminal.buffer.active.cursorY + 1;
      const rows = Math.max(MIN_ROWS, Math.min(MAX_ROWS, used));
      if (rows <= terminal.rows) return;
      const screen = element.querySelector('.xterm-screen');
      const rowPx = screen && terminal.rows > 0 ? screen.clientHeight / terminal.rows : 0;
      if (rowPx > 0) element.style.minHeight = `${Math.ceil(rows * rowPx) + 1}px`;
    };

    const abort = new AbortController();
    source(makeSink(terminal, () => {
      grow();
      refresh.current();
    }), abort.signal);
    return () => {
      abort.abort();
      clearTimeout(pending);
      observer.disconnect();
      themes.disconnect();
      system.removeEventListener('change', recolour);
      terminal.dispose();
      element.style.minHeight = '';
    };
  }, [source, label, onReader]);

  return (
    <>
      <div ref={host} className="screen" hidden={plain} />
      {plain && (
        <pre className="screen-plain" tabIndex={0} role="region" aria-label={label}>
          {text || ' '}
        </pre>
      )}
    </>
  );
}

function makeSink(terminal: Terminal, onWritten: () => void): TerminalSink {
  let converter = new CrlfConverter();
  let inFlight = 0;
  let wake: (() => void) | undefined;
  return {
    async write(bytes) {
      const converted = converter.convert(bytes);
      inFlight += converted.length;
      terminal.write(converted, () => {
        inFlight -= converted.length;
        if (inFlight <= MAX_IN_FLIGHT_BYTES) wake?.();
        onWritten();
      });
      while (inFlight > MAX_IN_FLIGHT_BYTES) await new Promise<void>((resolve) => (wake = resolve));
    },
    reset() {
      converter = new CrlfConverter();
      terminal.reset();
    },
  };
}

/** What is on the screen and above it, with wrapped rows joined again. */
function read(terminal: Terminal): string {
  const buffer = terminal.buffer.active;
  const lines: string[] = [];
  for (let row = 0; row < buffer.length; row++) {
    const line = buffer.getLine(row);
    if (!line) continue;
    const text = line.translateToString(true);
    if (line.isWrapped && lines.length > 0) lines[lines.length - 1] += text;
    else lines.push(text);
  }
  while (lines.length > 0 && lines[lines.length - 1] === '') lines.pop();
  return lines.join('\n');
}

function themeOf(element: HTMLElement): ITheme {
  const style = getComputedStyle(element);
  const background = style.getPropertyValue('--term-bg').trim();
  const foreground = style.getPropertyValue('--term-fg').trim();
  return {
    background,
    foreground,
    cursor: foreground,
    selectionBackground: '#4c6a60',
    black: '#2c2e2b',
    red: '#ef8f86',
    green: '#8fcf9f',
    yellow: '#e3bd72',
    blue: '#8db8e8',
    magenta: '#cfa3dc',
    cyan: '#83c9c5',
    white: '#d8d5cb',
    brightBlack: '#8b8d85',
    brightRed: '#ffaea5',
    brightGreen: '#abe5b8',
    brightYellow: '#f5d594',
    brightBlue: '#afd0f5',
    brightMagenta: '#e2c0ec',
    brightCyan: '#a5e1dd',
    brightWhite: '#ffffff',
  };
}
