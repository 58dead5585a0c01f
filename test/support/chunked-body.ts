import type { Body } from "../../src/pages/body";

/** A body that comes in chunks of `size` bytes. */
export const chunkedBody = (bytes: Buffer, size: number): Body => ({
  async *chunks() {
    for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size);
  },
  whole: () => bytes,
});
