"use strict";
/**
 * Kills the Node-RED that loads it at one step of a page's life. settings.js calls it with the step and with how often
 * that step is passed before.
 */
const { events, hooks } = require.main.require("@node-red/util");
const files = require(require.resolve("fs-extra", { paths: [require.resolve("@node-red/runtime", { paths: [require.main.path] })] }));

const die = () => process.kill(process.pid, "SIGKILL");

/** The steps, each with what lets `reached` be called whenever it is passed. */
const STEPS = {
  /** A message of the query is about to leave it. */
  send: (reached) => hooks.add("onSend.fault", (sends) => sends.filter(({ source }) => source.id === "query-job").forEach(reached)),
  /** A cursor is confirmed; nothing of it is written. */
  confirmed: (reached) => around("outputFile", reached),
  /** The new cursor is written beside the old one, which still stands. */
  written: (reached) => around("rename", reached),
  /** The new cursor stands; nobody knows yet. */
  renamed: (reached) => around("rename", () => undefined, reached),
  /** The flows stop; nodes have been told to close. */
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
