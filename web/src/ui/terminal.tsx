// The terminal that shows a run's output. In a chunk of its own, with the terminal library.
import { useEffect, useRef, useState } from 'react';
import { CrlfConverter } from '../lib/bytes';
import { makeTerminal, readRows, type Terminal } from './xterm';

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
    const { terminal, fit, dispose } = makeTerminal(element, {
      disableStdin: true,
      cursorInactiveStyle: 'none',
      scrollback: SCROLLBACK_LINES,
      rows: MIN_ROWS,
      screenReaderMode: true,
    });
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

    let pending: number | undefined;
    refresh.current = () => {
      clearTimeout(pending);
      pending = window.setTimeout(() => plainRef.current && setText(readRows(terminal)), 60);
    };
    onReader(() => readRows(terminal));
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
      dispose();
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
