/** Reads a `dxlclient.config` and the files that it names, before anybody parses them: reading takes time, parsing does not wait. */
import { dirname, join, resolve } from "node:path";
import { readTextFile } from "../common/text-file";
import { FILE_NAME, namedFiles, type ConfigFiles } from "./client-config";

/** Gives what was read of the configurations at `paths`: files, or the folders of a `dxlclient.config`; relative to `userFolder`. Never rejects: `readFile` throws instead. */
export async function readConfigFiles(userFolder: string, ...paths: readonly unknown[]): Promise<ConfigFiles> {
  const found = new Map<string, string | Error>();
  const read = async (path: string): Promise<string | Error> => {
    const content = await readTextFile(path).catch((error: Error) => error);
    found.set(path, content);
    return content;
  };
  for (const name of paths) {
    if (typeof name !== "string" || name.trim() === "") continue;
    let path = resolve(userFolder, name.trim());
    let content = await read(path);
    if ((content as NodeJS.ErrnoException).code === "EISDIR") {
      path = join(path, FILE_NAME);
      content = await read(path);
    }
    if (typeof content === "string") await Promise.all(namedFiles(content, dirname(path)).map(read));
  }
  return {
    readFile(path) {
      const content = found.get(path) ?? new Error("it was not read");
      if (typeof content !== "string") throw content;
      return content;
    },
  };
}
