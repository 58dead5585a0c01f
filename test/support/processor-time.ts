import { readFileSync, readdirSync } from "node:fs";

/** The time that a thread has run, ms, in steps of about 4 (Documentation/scheduler/sched-stats.rst). */
const threadMs = (pid: number, thread: number | string) => parseInt(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "latin1"), 10) / 1e6;

/** The processor time of this process's main thread, ms. Threads of the garbage collector do not count. */
export const processorMs = (): number => threadMs(process.pid, process.pid);

/** The processor time of all threads of a process, ms. */
export const processorMsOf = (pid: number): number => readdirSync(`/proc/${pid}/task`).map((thread) => threadMs(pid, thread)).reduce((sum, ms) => sum + ms, 0);

/** The processor time of the fastest of five runs, ms. A limit on it detects work that grows far too fast, whatever else the machine does. */
export function fastest(run: () => void): number {
  return Math.min(...Array.from({ length: 5 }, () => {
    const start = processorMs();
    run();
    return processorMs() - start;
  }));
}
