// How every terminal of the console is made. Nothing else imports the terminal library, which keeps it out of the eager bundle.
import { FitAddon } from '@xterm/addon-fit';
import { SearchAddon } from '@xterm/addon-search';
import { Unicode11Addon } from '@xterm/addon-unicode11';
import { Terminal, type IMarker, type ITerminalInitOnlyOptions, type ITerminalOptions, type ITheme } from '@xterm/xterm';
import '@xterm/xterm/css/xterm.css';

export type { IMarker };
export { SearchAddon, Terminal };

export interface MadeTerminal {
  terminal: Terminal;
  fit: FitAddon;
  dispose: () => void;
}

/** Opens a terminal in an element, in the page's colours, which it follows. */
export function makeTerminal(element: HTMLElement, options: ITerminalOptions & ITerminalInitOnlyOptions): MadeTerminal {
  const terminal = new Terminal({
    cursorBlink: false,
    fontFamily: getComputedStyle(element).getPropertyValue('--mono') || 'monospace',
    fontSize: 13,
    lineHeight: 1.3,
    minimumContrastRatio: 4.5,
    allowProposedApi: true,
    theme: themeOf(element),
    ...options,
  });
  const fit = new FitAddon();
  terminal.loadAddon(fit);
  // The host counts the columns of wide characters as Unicode 11 and later do.
  terminal.loadAddon(new Unicode11Addon());
  terminal.unicode.activeVersion = '11';
  terminal.open(element);
  const recolour = () => (terminal.options.theme = themeOf(element));
  const themes = new MutationObserver(recolour);
  themes.observe(document.documentElement, { attributes: true, attributeFilter: ['data-theme'] });
  const system = matchMedia('(prefers-color-scheme: dark)');
  system.addEventListener('change', recolour);
  return {
    terminal,
    fit,
    dispose: () => {
      themes.disconnect();
      system.removeEventListener('change', recolour);
      terminal.dispose();
    },
  };
}

/** Rows of the buffer as text, with wrapped rows joined again. `end` is left out. */
export function readRows(terminal: Terminal, begin = 0, end = Infinity): string {
  const buffer = terminal.buffer.active;
  const lines: string[] = [];
  for (let row = begin; row < Math.min(end, buffer.length); row++) {
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
