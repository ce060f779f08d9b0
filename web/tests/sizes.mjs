// Holds the built console to its budget: eager JavaScript, and the terminal with all that is loaded only for it, gzipped.
import { readdir, readFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';

const EAGER_MAX_KB = 200;
const TERMINAL_MAX_KB = 150;

const dist = new URL('../dist/', import.meta.url);
const sources = new Map();
for (const name of await readdir(new URL('assets/', dist))) {
  if (name.endsWith('.js')) sources.set(name, await readFile(new URL(`assets/${name}`, dist)));
}

/** The page loads what its HTML names, and what that imports statically; all else waits for a dynamic import. */
const eager = new Set();
const add = (name) => {
  if (eager.has(name) || !sources.has(name)) return;
  eager.add(name);
  for (const [, imported] of sources.get(name).toString().matchAll(/(?:from|import)\s*["']\.\/([^"']+\.js)["']/g)) add(imported);
};
const html = await readFile(new URL('index.html', dist), 'utf8');
for (const [, name] of html.matchAll(/\/assets\/([^"']+\.js)/g)) add(name);

let eagerKb = 0;
let terminalKb = 0;
for (const [name, bytes] of sources) {
  const kb = gzipSync(bytes, { level: 9 }).length / 1000;
  if (eager.has(name)) eagerKb += kb;
  else terminalKb += kb;
}
console.log(`eager ${eagerKb.toFixed(1)} KB of ${EAGER_MAX_KB}, terminal ${terminalKb.toFixed(1)} KB of ${TERMINAL_MAX_KB} (gzip)`);
if (eager.size === 0 || eagerKb > EAGER_MAX_KB || terminalKb > TERMINAL_MAX_KB) process.exit(1);
