/** Mocha's spec reporter, which also leaves the totals in the file that `MOCHA_TOTALS` names. A skipped test is a failed one. */
"use strict";
const { writeFileSync } = require("node:fs");
const { Runner, reporters } = require("mocha");

module.exports = class Totals extends reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    runner.once(Runner.constants.EVENT_RUN_END, () => {
      const { passes, failures, pending } = this.stats;
      writeFileSync(process.env.MOCHA_TOTALS, JSON.stringify({ passed: passes, failed: failures + pending }));
    });
  }
};
