/** Contrast of colours, as WCAG 2.2 computes it. */

/** Red, green and blue from 0 to 255, and opacity from 0 to 1. */
type Colour = readonly [number, number, number, number];

/** A colour as CSS writes a computed one, or `#rgb`, `#rrggbb`. */
export function colourOf(css: string): Colour {
  const [, hex] = /^#([0-9a-f]{3}|[0-9a-f]{6})$/i.exec(css) ?? [];
  if (hex !== undefined) {
    const [r = 0, g = 0, b = 0] = (hex.length === 3 ? [...hex].map((digit) => digit + digit) : hex.match(/../g) ?? []).map((part) => parseInt(part, 16));
    return [r, g, b, 1];
  }
  const [r = 0, g = 0, b = 0, a = 1] = (css.match(/[\d.]+/g) ?? []).map(Number);
  return [r, g, b, a];
}

/** `top` painted on an opaque `ground`. */
export const over = (ground: Colour, top: Colour): Colour => {
  const mix = (index: 0 | 1 | 2) => top[index] * top[3] + ground[index] * (1 - top[3]);
  return [mix(0), mix(1), mix(2), 1];
};

/** The contrast ratio of two opaque colours. */
export function contrast(one: Colour, other: Colour): number {
  const [darker = 0, lighter = 0] = [one, other].map(luminance).sort((a, b) => a - b);
  return (lighter + 0.05) / (darker + 0.05);
}

function luminance([r, g, b]: Colour): number {
  const linear = (value: number) => (value <= 0.04045 * 255 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4);
  return 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
}
