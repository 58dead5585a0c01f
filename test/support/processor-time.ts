import { readFileSync, readdirSync } from "node:fs";

/** Milliseconds that a thread has run (Documentation/scheduler/sched-stats.rst), in steps of about 4; neighbours do not count. */
const threadMs = (pid: number, thread: number | string) => parseInt(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "latin1"), 10) / 1e6;

/** Of this process' main thread: those that collect garbage do not count. */
export const processorMs = (): number => threadMs(process.pid, process.pid);

/** Of all threads of a process. */
export const processorMsOf = (pid: number): number => readdirSync(`/proc/${pid}/task`).map((thread) => threadMs(pid, thread)).reduce((sum, ms) => sum + ms, 0);

/** Of five runs, the processor time of the fastest, ms: what all of them need. A bound on it is one on work that grows out of hand. */
export function fastest(run: () => void): number {
  return Math.min(...Array.from({ length: 5 }, () => {
    const start = processorMs();
    run();
    return processorMs() - start;
  }));
}
