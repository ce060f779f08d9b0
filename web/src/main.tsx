// The entry: styles, the session, and the root.
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './app/app';
import { installStyleBridge } from './lib/csp-styles';
import { applyTheme, usePrefs } from './state/prefs';
import { startSession } from './state/session';
import './styles/tokens.css';
import './styles/base.css';
import './styles/controls.css';
import './styles/shell.css';
import './styles/commands.css';
import './styles/pages.css';
import './styles/logs.css';
import './styles/narrow.css';

installStyleBridge(document);
applyTheme(usePrefs.getState().theme);
startSession();
createRoot(document.getElementById('root')!).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
