// Enough of the WebAssembly binary format to say what a module imports.
import { createHash } from 'node:crypto';
import { Refusal } from './http.mjs';

const NEEDS = [
  [/path_|fd_(read|write|seek)?dir|fd_prestat|wasi:filesystem/, 'filesystem'],
  [/sock_|wasi:sockets/, 'network'],
  [/wasi:http/, 'http'],
  [/clock_|wasi:clocks/, 'clock'],
  [/random_get|wasi:random/, 'random'],
  [/environ_|args_|wasi:cli\/environment/, 'environment'],
  [/fd_read$|wasi:cli\/stdin/, 'stdin'],
  [/fd_write$|wasi:cli\/stdout/, 'stdout'],
];

export function inspect(bytes, name, by) {
  if (bytes.length < 8 || bytes.readUInt32BE(0) !== 0x0061736d) {
    throw new Refusal(422, 'module_not_wasm', 'The body is not a WebAssembly binary: it does not begin with \\0asm. Compile your program for wasm32-wasip1 or wasm32-wasip2.');
  }
  const component = bytes.readUInt16LE(6) === 1;
  const imports = component ? componentImports(bytes) : coreImports(bytes);
  return {
    digest: createHash('sha256').update(bytes).digest('hex'),
    name,
    size_bytes: bytes.length,
    kind: component ? 'component' : 'core',
    wasi: component ? '0.2' : 'preview1',
    imports,
    needs: NEEDS.filter(([pattern]) => imports.some((entry) => pattern.test(entry))).map(([, need]) => need),
    created_at: new Date().toISOString(),
    created_by: by,
  };
}

function componentImports(bytes) {
  const found = bytes.toString('latin1').match(/wasi:[a-z]+\/[a-z-]+@\d+\.\d+\.\d+/g) ?? [];
  return [...new Set(found)].sort();
}

function coreImports(bytes) {
  let at = 8;
  const leb = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++];
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
  };
  const text = () => {
    const length = leb();
    at += length;
    return bytes.toString('utf8', at - length, at);
  };
  const limits = () => {
    const flags = leb();
    leb();
    if (flags & 1) leb();
  };
  const out = [];
  while (at < bytes.length) {
    const id = bytes[at++];
    const size = leb();
    const end = at + size;
    if (id === 2) {
      for (let count = leb(); count > 0; count--) {
        out.push(`${text()}::${text()}`);
        const kind = bytes[at++];
        if (kind === 0) leb();
        else if (kind === 1) {
          at += 1;
          limits();
        } else if (kind === 2) limits();
        else at += 2;
      }
      break;
    }
    at = end;
  }
  return out.sort();
}
