// What a terminal answers by itself when output asks it (ECMA-48, DEC, xterm): not typed by anybody.

// Cursor position and status reports, device attributes, mode and window reports, focus, DCS strings, colour reports.
const REPLY = /^(?:\x1b\[[?>=]?[\d;]*(?:\$y|[cnRtxu])|\x1b\[[IO]|\x1bP[^\x1b]*\x1b\\|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\))+$/;

export const isTerminalReply = (data: string): boolean => REPLY.test(data);
