/**
 * Loads nodes into the Node-RED test helper, with the context stores of the test. The helper's `RED._` returns the key, so
 * tests assert status texts and errors by key and code.
 */
import helper from "node-red-node-test-helper";
import type { Node, NodeInitializer } from "node-red";
import { nodeRedRequire } from "./node-red-process";

helper.init(nodeRedRequire.resolve("node-red"));

/** A node in flows.json. */
export type FlowNode = { id: string; type: string; z?: string; wires?: string[][]; [property: string]: unknown };

/** Loads a core node by its path below @node-red/nodes/core. */
export const coreNode = (path: string) => nodeRedRequire(`@node-red/nodes/core/${path}`) as NodeInitializer;

export interface LoadOptions {
  contextStorage?: Record<string, unknown>;
  credentials?: Record<string, Record<string, string>>;
  settings?: Record<string, unknown>;
}

/** Starts `flow` and resolves when it runs. Adds a tab and puts the nodes that have `wires` on it, because Node-RED treats a node without a position as a config node. */
export async function loadFlow(nodes: NodeInitializer[], flow: FlowNode[], options: LoadOptions = {}): Promise<void> {
  const settings = { ...options.settings, ...(options.contextStorage === undefined ? {} : { contextStorage: options.contextStorage }) };
  helper.settings(settings as Parameters<typeof helper.settings>[0]);
  const context = nodeRedRequire("@node-red/runtime/lib/nodes/context") as { load(): Promise<void> };
  const loadContext: NodeInitializer = async () => {
    if (options.contextStorage !== undefined) await context.load();
  };
  const tab = { id: "tab", type: "tab", label: "test" };
  const placed = flow.map((node) => (node.wires !== undefined && node.z === undefined ? { x: 100, y: 100, ...node, z: "tab" } : node));
  await helper.load([loadContext, ...nodes], [tab, ...placed] as never, options.credentials ?? {});
}

export const unloadFlow = () => helper.unload();
export const startServer = () => new Promise<void>((resolve) => helper.startServer(() => resolve()));
export const stopServer = () => new Promise<void>((resolve) => helper.stopServer(() => resolve()));

export function getNode(id: string): Node {
  const node = helper.getNode(id) as Node | null;
  if (node == null) throw new Error(`no node ${id} in the flow`);
  return node;
}

export interface RecordedStatus {
  fill?: string;
  shape?: string;
  text?: string;
}

/** Records every status that the node shows from now on, newest last. */
export function recordStatus(id: string): RecordedStatus[] {
  const seen: RecordedStatus[] = [];
  getNode(id).on("call:status" as never, ((call: { args: [RecordedStatus] }) => seen.push(call.args[0])) as never);
  return seen;
}

/** Records every message that a `helper` node receives from now on. */
export function recordMessages(id: string): Record<string, unknown>[] {
  const seen: Record<string, unknown>[] = [];
  getNode(id).on("input", ((message: Record<string, unknown>, _send: unknown, done: () => void) => {
    seen.push(message);
    done();
  }) as never);
  return seen;
}

export { until } from "./until";
export { helper };
