/**
 * Loaded into Node-RED with --require: writes memory and the longest block of the event loop in each half second (or
 * PROBE_WINDOW_MS) to PROBE_FILE. `busy` is the longest time that the main thread ran in one turn: the rest of a block it
 * waited for a processor, which depends on other users of the machine. `ran` is its running time since the start, ms. When
 * the process ends, its processor profile goes to PROBE_PROFILE, with the epoch ms of its start. With PROBE_BLIND, the
 * table of sockets is missing, as on systems other than Linux: syslog-out cannot see what arrived.
 */
const { appendFileSync, closeSync, openSync, readSync } = require("node:fs");

const { PROBE_FILE: file, PROBE_WINDOW_MS: windowMs = "500" } = process.env;
if (file !== undefined) {
  const TICK_MS = 2;
  const text = Buffer.alloc(64);
  /** Running time of the main thread, ms (Documentation/scheduler/sched-stats.rst, /proc/<pid>/schedstat). */
  const ran = () => {
    const stat = openSync(`/proc/self/task/${process.pid}/schedstat`, "r");
    readSync(stat, text);
    closeSync(stat);
    return parseInt(text.toString("latin1"), 10) / 1e6;
  };
  let last = { at: performance.now(), ran: ran() };
  let longest = { block: 0, busy: 0 };
  setInterval(() => {
    const now = { at: performance.now(), ran: ran() };
    longest = { block: Math.max(longest.block, now.at - last.at - TICK_MS), busy: Math.max(longest.busy, now.ran - last.ran) };
    last = now;
  }, TICK_MS).unref();
  setInterval(() => {
    appendFileSync(file, `${JSON.stringify({ at: Date.now(), rss: process.memoryUsage.rss(), ran: ran(), ...longest })}\n`);
    longest = { block: 0, busy: 0 };
    last = { at: performance.now(), ran: ran() };
  }, Number(windowMs)).unref();
}

if (process.env.PROBE_BLIND !== undefined) {
  const promises = require("node:fs/promises");
  const { open } = promises;
  promises.open = (path, ...more) => (String(path).startsWith("/proc/self/net/") ? Promise.reject(new Error("blind")) : open(path, ...more));
}

if (process.env.PROBE_PROFILE !== undefined) {
  const { Session } = require("node:inspector");
  const { writeFileSync } = require("node:fs");
  const session = new Session();
  session.connect();
  session.post("Profiler.enable");
  session.post("Profiler.setSamplingInterval", { interval: 500 });
  session.post("Profiler.start");
  const startedAt = Date.now();
  process.once("exit", () => session.post("Profiler.stop", (_error, { profile }) => writeFileSync(process.env.PROBE_PROFILE, JSON.stringify({ ...profile, startedAt }))));
}
