/** Recorded messages of real clients and of the real broker, with their decoded fields (see `producer` for the source). */
import vectors from "../data/dxl-vectors.json";

export interface DxlVector {
  name: string;
  bytes: Buffer;
  /** The fields of a `DxlMessage` that its version has, and the payload as hexadecimal digits and as text. */
  decoded: Record<string, unknown> & { payloadHex: string; payloadUtf8: string };
}

export const dxlVectors: readonly DxlVector[] = vectors.map(({ name, hex, decoded }) => ({ name, bytes: Buffer.from(hex, "hex"), decoded }));

export function dxlVector(name: string): DxlVector {
  const vector = dxlVectors.find((each) => each.name === name);
  if (vector === undefined) throw new Error(`there is no vector ${name}`);
  return vector;
}
