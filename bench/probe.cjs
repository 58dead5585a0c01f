/** Loaded into Node-RED with --require: writes memory and the longest event-loop block of each half second to PROBE_FILE. */
const { appendFileSync } = require("node:fs");

const file = process.env.PROBE_FILE;
if (file !== undefined) {
  let last = performance.now();
  let longest = 0;
  const TICK_MS = 2;
  setInterval(() => {
    const now = performance.now();
    longest = Math.max(longest, now - last - TICK_MS);
    last = now;
  }, TICK_MS).unref();
  setInterval(() => {
    appendFileSync(file, `${JSON.stringify({ at: Date.now(), rss: process.memoryUsage.rss(), block: longest })}\n`);
    longest = 0;
    last = performance.now();
  }, 500).unref();
}
