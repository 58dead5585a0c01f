/** Reads the example flows of the package. */
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { root } from "../../scripts/built";
import type { FlowNode } from "./node-red-process";

const folder = join(root, "examples");

export interface Example {
  /** The name in the import dialog. */
  name: string;
  flow: FlowNode[];
}

/** True for the nodes of a package that users install themselves, and the tests do not: the editor calls them unknown. */
export const isNotInstalled = (type: string): boolean => type.startsWith("kafka-suite-");

/** All examples, in the order of the import dialog. */
export function examples(): Example[] {
  return readdirSync(folder).sort().map((file) => ({
    name: file.replace(/\.json$/, ""),
    flow: JSON.parse(readFileSync(join(folder, file), "utf8")) as FlowNode[],
  }));
}
