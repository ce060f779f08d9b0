// What the console remembers on this device: theme, wrapping, the last tenant. Never a secret.
import { create } from 'zustand';
import { persist } from 'zustand/middleware';

export type Theme = 'system' | 'light' | 'dark';

interface Prefs {
  theme: Theme;
  /** Undefined until chosen: then the width of the screen decides. */
  wrapLogs: boolean | undefined;
  plainOutput: boolean;
  lastTenant: string | undefined;
  /** The terminal also speaks its output; it costs speed, so it is asked for. */
  screenReader: boolean;
  /** Sessions that were put away without being ended, by person and tenant. */
  awaySessions: Record<string, string[]>;
  setTheme(theme: Theme): void;
  setWrapLogs(wrap: boolean): void;
  setPlainOutput(plain: boolean): void;
  setLastTenant(slug: string): void;
  setScreenReader(on: boolean): void;
  setAwaySessions(key: string, ids: string[]): void;
}

export const usePrefs = create<Prefs>()(
  persist(
    (set) => ({
      theme: 'system',
      wrapLogs: undefined,
      plainOutput: false,
      lastTenant: undefined,
      screenReader: false,
      awaySessions: {},
      setTheme: (theme) => set({ theme }),
      setWrapLogs: (wrapLogs) => set({ wrapLogs }),
      setPlainOutput: (plainOutput) => set({ plainOutput }),
      setLastTenant: (lastTenant) => set({ lastTenant }),
      setScreenReader: (screenReader) => set({ screenReader }),
      setAwaySessions: (key, ids) => set((prefs) => ({ awaySessions: { ...prefs.awaySessions, [key]: ids } })),
    }),
    { name: 'cloister-console', version: 1 },
  ),
);

/** Long lines on a phone are read by scrolling down, not sideways. */
export const useWrapLogs = (): boolean => usePrefs((prefs) => prefs.wrapLogs) ?? matchMedia('(max-width: 48rem)').matches;

/** Puts the theme on the root element; `system` leaves it to the media query. */
export function applyTheme(theme: Theme): void {
  const root = document.documentElement;
  if (theme === 'system') root.removeAttribute('data-theme');
  else root.setAttribute('data-theme', theme);
}
