/**
 * Loads nodes into the Node-RED test helper, with the context stores a test asks for.
 * `RED._` of the helper returns the key, so status texts and errors are asserted by key and code.
 */
import helper from "node-red-node-test-helper";
import type { Node, NodeInitializer } from "node-red";
import { nodeRedRequire } from "./node-red-process";

helper.init(nodeRedRequire.resolve("node-red"));

/** A node of a flow as it stands in flows.json. */
export type FlowNode = { id: string; type: string; z?: string; wires?: string[][]; [property: string]: unknown };

/** Core nodes by the path below @node-red/nodes/core. */
export const coreNode = (path: string) => nodeRedRequire(`@node-red/nodes/core/${path}`) as NodeInitializer;

export interface LoadOptions {
  contextStorage?: Record<string, unknown>;
  credentials?: Record<string, Record<string, string>>;
  settings?: Record<string, unknown>;
}

/** Starts `flow` and resolves when it runs. A tab `tab` is added; nodes that have `wires` stand on it (Node-RED takes a node without a place for a config node). */
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

/** Every status a node shows from now on, newest last. */
export function recordStatus(id: string): RecordedStatus[] {
  const seen: RecordedStatus[] = [];
  getNode(id).on("call:status" as never, ((call: { args: [RecordedStatus] }) => seen.push(call.args[0])) as never);
  return seen;
}

/** Every message that reaches a `helper` node from now on. */
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
