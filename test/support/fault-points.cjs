"use strict";
/**
 * Kills the Node-RED that loads it, at one step in the processing of a page. settings.js calls it with the step and with the
 * number of times that the step may pass first.
 */
const { events, hooks } = require.main.require("@node-red/util");
const files = require(require.resolve("fs-extra", { paths: [require.resolve("@node-red/runtime", { paths: [require.main.path] })] }));

const die = () => process.kill(process.pid, "SIGKILL");

/** For each step, a function that makes Node-RED call `reached` whenever it passes that step. */
const STEPS = {
  /** The query is about to send a message. */
  send: (reached) => hooks.add("onSend.fault", (sends) => sends.filter(({ source }) => source.id === "query-job").forEach(reached)),
  /** The pages of a new cursor are confirmed; nothing is written yet. */
  confirmed: (reached) => around("outputFile", reached),
  /** The new cursor is in a temporary file; the old one is still in place. */
  written: (reached) => around("rename", reached),
  /** The new cursor is in place; the query has not been told yet. */
  renamed: (reached) => around("rename", () => undefined, reached),
  /** The flows are stopping; the nodes have been asked to close. */
  close: (reached) => events.once("flows:stopping", () => setTimeout(reached, 30)),
};

function around(name, before, after = () => undefined) {
  const original = files[name];
  files[name] = async (path, ...rest) => {
    if (!path.includes("global.json")) return original(path, ...rest);
    before();
    await original(path, ...rest);
    after();
  };
}

module.exports = (step, passes) => {
  let left = passes;
  STEPS[step](() => {
    left -= 1;
    if (left < 0) die();
  });
};
