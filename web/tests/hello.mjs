// A hello-world WASI preview 1 command, assembled by hand so that the browser test needs no compiler.

const leb = (value) => {
  const out = [];
  for (;;) {
    const byte = value & 0x7f;
    value >>>= 7;
    if (value === 0) return [...out, byte];
    out.push(byte | 0x80);
  }
};
/** Signed LEB128, as `i32.const` takes it. */
const sleb = (value) => {
  const out = [];
  for (;;) {
    const byte = value & 0x7f;
    value >>= 7;
    if ((value === 0 && !(byte & 0x40)) || (value === -1 && byte & 0x40)) return [...out, byte];
    out.push(byte | 0x80);
  }
};
const text = (value) => [...leb(Buffer.byteLength(value)), ...Buffer.from(value)];
const section = (id, ...body) => [id, ...leb(body.flat().length), ...body.flat()];
const constant = (value) => [0x41, ...sleb(value)];

export function helloWasm(message = 'Hello from Cloister\n') {
  const bytes = [...Buffer.from(message)];
  const I32 = 0x7f;
  const store = (at, value) => [...constant(at), ...constant(value), 0x36, 2, 0];
  const body = [
    0,
    ...store(0, 8),
    ...store(4, bytes.length),
    ...constant(1),
    ...constant(0),
    ...constant(1),
    ...constant(4096),
    ...[0x10, 0, 0x1a, 0x0b],
  ];
  return Buffer.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [2], [0x60, 4, I32, I32, I32, I32, 1, I32], [0x60, 0, 0]),
    ...section(2, [1], text('wasi_snapshot_preview1'), text('fd_write'), [0, 0]),
    ...section(3, [1, 1]),
    ...section(5, [1, 0, 1]),
    ...section(7, [2], text('memory'), [2, 0], text('_start'), [0, 1]),
    ...section(10, [1], leb(body.length), body),
    ...section(11, [1, 0], constant(8), [0x0b], leb(bytes.length), bytes),
  ]);
}
