// Bytes on their way to the terminal: base64 to bytes, and the line ends a terminal wants.

export function base64ToBytes(text: string): Uint8Array {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

/** Standard base64. */
export function bytesToBase64(bytes: Uint8Array): string {
  let binary = '';
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}

const LF = 10;
const CR = 13;

/**
 * Puts a CR before each LF that has none: a guest has no terminal device that would do it, and a terminal takes LF
 * alone as "down". Remembers the last byte, since a chunk may end between CR and LF.
 */
export class CrlfConverter {
  private last = 0;

  convert(bytes: Uint8Array): Uint8Array {
    let lone = 0;
    let previous = this.last;
    for (const byte of bytes) {
      if (byte === LF && previous !== CR) lone += 1;
      previous = byte;
    }
    if (lone === 0) {
      this.last = previous;
      return bytes;
    }
    const out = new Uint8Array(bytes.length + lone);
    let at = 0;
    previous = this.last;
    for (const byte of bytes) {
      if (byte === LF && previous !== CR) out[at++] = CR;
      out[at++] = byte;
      previous = byte;
    }
    this.last = previous;
    return out;
  }
}
