/** Messages as clients and the broker really wrote them, with the fields they hold (recorded once; see `producer`). */
import vectors from "../data/dxl-vectors.json";

export interface DxlVector {
  name: string;
  bytes: Buffer;
  /** The fields of a `DxlMessage`, those of its version only, and the payload as hexadecimal digits and as text. */
  decoded: Record<string, unknown> & { payloadHex: string; payloadUtf8: string };
}

export const dxlVectors: readonly DxlVector[] = vectors.map(({ name, hex, decoded }) => ({ name, bytes: Buffer.from(hex, "hex"), decoded }));

export function dxlVector(name: string): DxlVector {
  const vector = dxlVectors.find((each) => each.name === name);
  if (vector === undefined) throw new Error(`there is no vector ${name}`);
  return vector;
}
