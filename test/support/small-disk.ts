/** A disk of 256 KiB that a test can fill and make read-only. File permissions would not stop tests that run as root. */
import { execFileSync } from "node:child_process";
import { mkdirSync, openSync, closeSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";

export class SmallDisk {
  private constructor(readonly path: string) {}

  /** Mounts a disk at `path`; needs root. */
  static mount(path: string): SmallDisk {
    mkdirSync(path, { recursive: true });
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=256k", "tmpfs", path]);
    return new SmallDisk(path);
  }

  private get filler(): string {
    return join(this.path, "filler");
  }

  fill(): void {
    const file = openSync(this.filler, "w");
    try {
      for (;;) writeSync(file, Buffer.alloc(4096));
    } catch (error) {
      if ((error as { code?: string }).code !== "ENOSPC") throw error;
    } finally {
      closeSync(file);
    }
  }

  free(): void {
    rmSync(this.filler);
  }

  readOnly(on: boolean): void {
    execFileSync("mount", ["-o", `remount,${on ? "ro" : "rw"}`, this.path]);
  }

  remove(): void {
    execFileSync("umount", ["-l", this.path]);
  }
}
