/** Reads a file that a person named, who may have named anything: a device, a pipe, a disk image. */
import { constants, type Stats } from "node:fs";
import { open, stat } from "node:fs/promises";
import { FILE_BYTES, inMegabytes } from "./limits";

/**
 * The text of the regular file at `path` (UTF-8), at most FILE_BYTES. Rejects with the errors of `node:fs`, EISDIR for a
 * folder, and errors that say what else is wrong.
 */
export async function readTextFile(path: string): Promise<string> {
  // Before it is opened: opening a device may do something.
  refuse(await stat(path), path);
  // A pipe in its place by now would wait for its writer.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    refuse(await file.stat(), path);
    const bytes = Buffer.alloc(FILE_BYTES + 1);
    let length = 0;
    // The size that a file has may be wrong, as below /proc.
    for (let read = 1; read > 0 && length < bytes.length; length += read) {
      read = (await file.read(bytes, length, bytes.length - length)).bytesRead;
    }
    if (length > FILE_BYTES) throw tooLong();
    return bytes.toString("utf8", 0, length);
  } finally {
    await file.close();
  }
}

const tooLong = () => new Error(`it is longer than ${inMegabytes(FILE_BYTES)} MiB`);

function refuse(found: Stats, path: string): void {
  if (found.isDirectory()) throw Object.assign(new Error(`EISDIR: illegal operation on a directory, read '${path}'`), { code: "EISDIR" });
  if (!found.isFile()) throw new Error("it is not a regular file");
  if (found.size > FILE_BYTES) throw tooLong();
}
