/**
 * Loaded into Node-RED with --require: writes which threads begin and end to THREADS_FILE, a line each. The first one is
 * ended with its THREADS_KILL_AT-th answer.
 */
const { appendFileSync } = require("node:fs");
const threads = require("node:worker_threads");

const { THREADS_FILE: file, THREADS_KILL_AT: killAt } = process.env;
if (file !== undefined) {
  let begun = 0;
  threads.Worker = class extends threads.Worker {
    constructor(path, options) {
      super(path, options);
      const number = ++begun;
      let answers = 0;
      appendFileSync(file, `begins ${path}\n`);
      this.on("message", () => {
        if (number === 1 && ++answers === Number(killAt)) void this.terminate();
      });
      this.on("exit", (code) => appendFileSync(file, `ends ${code} after ${answers}\n`));
    }
  };
}
