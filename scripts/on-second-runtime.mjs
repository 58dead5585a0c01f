/** Runs mocha on Node-RED 5 and Node.js 22: `node scripts/on-second-runtime.mjs [options of mocha] FILE...` */
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { secondRuntime } from "./second-runtime.mjs";

const { node, modules } = secondRuntime();
const mocha = createRequire(import.meta.url).resolve("mocha/bin/mocha.js");
const { status } = spawnSync(node, [mocha, ...process.argv.slice(2)], { stdio: "inherit", env: { ...process.env, NODE_RED_MODULES: modules } });
process.exitCode = status ?? 1;
