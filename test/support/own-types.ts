/** Our node types as the editor knows them: their editor scripts run in a stub of the editor that records them. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../../scripts/built";
import { fill } from "../../src/common/errors";
import manifest from "../../package.json";
import type { FlowNode } from "./node-red-process";

export type Language = "en-US" | "de";
export type Validator = (this: FlowNode, value: unknown, options: unknown) => unknown;

export interface Definition {
  defaults: Record<string, { value?: unknown; type?: string; label?: string; validate?: Validator; required?: boolean }>;
  credentials?: Record<string, unknown>;
}

/** The texts of a node's catalog by section, such as `label`. */
export const catalogOf = (type: string, language: Language = "en-US") =>
  JSON.parse(readFileSync(join(root, "nodes/locales", language, `${type}.json`), "utf8")) as Record<string, Record<string, string> | undefined>;

/** `RED._` in an English browser. */
export function translate(key: string, params: Record<string, string | number> = {}): string {
  const [type = "", path = ""] = key.slice(key.lastIndexOf("/") + 1).split(":");
  const [section = "", name = ""] = path.split(".");
  const text = path === "" ? undefined : catalogOf(type)[section]?.[name];
  return text === undefined ? key : fill(text, params);
}

const types = new Map<string, Definition>();
const scope = globalThis as { RED?: unknown };
const editor = { nodes: { registerType: (type: string, definition: Definition) => types.set(type, definition), node: () => null }, _: translate };
let loaded: Promise<unknown> | undefined;

/** Loads them once, because a script registers its type only when it is imported for the first time. */
export async function ownTypes(): Promise<ReadonlyMap<string, Definition>> {
  loaded ??= load();
  await loaded;
  return types;
}

async function load(): Promise<void> {
  scope.RED = editor;
  try {
    for (const type of Object.keys(manifest["node-red"].nodes)) await import(join(root, "nodes", `${type}.editor.ts`));
  } finally {
    delete scope.RED;
  }
}

/** Runs `work`, which may call validators that ask the editor. */
export function inEditor<Result>(work: () => Result): Result {
  scope.RED = editor;
  try {
    return work();
  } finally {
    delete scope.RED;
  }
}
