/** Mocha's spec reporter, which also writes the totals and the failures to the file `MOCHA_TOTALS`. A skipped test counts as failed. */
"use strict";
const { writeFileSync } = require("node:fs");
const { Runner, reporters } = require("mocha");

module.exports = class Totals extends reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    const failed = [];
    runner.on(Runner.constants.EVENT_TEST_FAIL, (test, error) => failed.push({ title: test.fullTitle(), why: String(error?.stack ?? error).slice(0, 3000) }));
    runner.on(Runner.constants.EVENT_TEST_PENDING, (test) => failed.push({ title: test.fullTitle(), why: "skipped" }));
    runner.once(Runner.constants.EVENT_RUN_END, () => {
      const { passes, failures, pending } = this.stats;
      writeFileSync(process.env.MOCHA_TOTALS, JSON.stringify({ passed: passes, failed: failures + pending, failures: failed }));
    });
  }
};
