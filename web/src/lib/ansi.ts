// Log text as plain text: a guest may write terminal control sequences, which a list cannot obey.

// CSI sequences (colours, cursor), OSC strings (titles, links) with either end, and two-character escapes (ECMA-48).
const SEQUENCES = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[ -/]*[0-~])/g;
const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f]/g;

/** Without control sequences; what is left of control characters becomes visible. */
export function plainText(text: string): string {
  return text.includes('\u001b') ? visibleControls(text.replace(SEQUENCES, '')) : visibleControls(text);
}

/** Each control character as its picture, so that nothing in a line is hidden. */
export function visibleControls(text: string): string {
  return text.replace(CONTROLS, (char) => {
    const code = char.charCodeAt(0);
    return code === 0x7f ? '\u2421' : String.fromCharCode(0x2400 + code);
  });
}
