// Holds the built console to its budget: eager JavaScript and the terminal's chunk, gzipped.
import { readdir, readFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';

const EAGER_MAX_KB = 200;
const TERMINAL_MAX_KB = 150;

const assets = new URL('../dist/assets/', import.meta.url);
let eagerKb = 0;
let terminalKb = 0;
for (const name of await readdir(assets)) {
  if (!name.endsWith('.js')) continue;
  const kb = gzipSync(await readFile(new URL(name, assets)), { level: 9 }).length / 1000;
  if (name.startsWith('terminal')) terminalKb += kb;
  else eagerKb += kb;
}
console.log(`eager ${eagerKb.toFixed(1)} KB of ${EAGER_MAX_KB}, terminal ${terminalKb.toFixed(1)} KB of ${TERMINAL_MAX_KB} (gzip)`);
if (eagerKb > EAGER_MAX_KB || terminalKb > TERMINAL_MAX_KB) process.exit(1);
