// Contrast of two colours as WCAG 2.2 (1.4.3) counts it.

const HEX = /^#[0-9a-f]{6}$/i;
/** What text must reach. */
export const MIN_CONTRAST = 4.5;

export const isColor = (text: string): boolean => HEX.test(text);

function luminance(color: string): number {
  const channel = (at: number) => {
    const value = parseInt(color.slice(at, at + 2), 16) / 255;
    return value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  };
  return 0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5);
}

/** From 1 to 21. Both are `#rrggbb`. */
export function contrast(a: string, b: string): number {
  const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x) as [number, number];
  return (light + 0.05) / (dark + 0.05);
}
