import { readFileSync } from "node:fs";

/** Resident memory of a process in MB; 0 if the process is gone (Documentation/filesystems/proc.rst, /proc/<pid>/status). */
export function residentMB(pid: number): number {
  try {
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}
