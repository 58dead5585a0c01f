/** Checks the built CEF mappings against the dictionary. Prints every problem and ends with exit code 1 if there is one. */
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const { mappings } = require("../dist/src/cef/mappings/index.js");
const { checkMapping } = require("../dist/src/cef/check.js");

const problems = [...mappings].flatMap(([kind, mapping]) => checkMapping(mapping).map((problem) => `${kind}: ${problem}`));
for (const problem of problems) console.error(problem);
if (problems.length > 0) process.exit(1);
