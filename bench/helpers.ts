/** Helper processes of the benches, so that they share neither thread nor heap with the measured one. */
import { fork, type ChildProcess } from "node:child_process";
import { join } from "node:path";

/** Starts a file of this folder. */
export const helper = (file: string, ...args: string[]): ChildProcess => fork(join(__dirname, file), args, { execArgv: ["--import", "tsx"] });

/** The next message of `child` with `key`. */
export const message = <T extends object>(child: ChildProcess, key: keyof T): Promise<T> =>
  new Promise((resolve, reject) => {
    const ended = () => reject(new Error("a process of the bench ended"));
    const received = (content: T) => {
      if (!(key in content)) return;
      child.off("message", received).off("exit", ended);
      resolve(content);
    };
    child.on("message", received).once("exit", ended);
  });
