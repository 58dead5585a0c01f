/** Knows when flows start: keeps what nodes raise meanwhile for `catch` nodes, and calls nodes when flows have started. */
import { processWide } from "../common/process-wide";

interface WatchingNode {
  error(error: Error, message: Record<string, unknown>): void;
  on(event: "close", listener: () => void): unknown;
}

type FlowEvent = "flows:starting" | "flows:started";

interface FlowEvents {
  on(event: FlowEvent, listener: () => void): unknown;
  off(event: FlowEvent, listener: () => void): unknown;
}

/** Raises an error that no input message waits for. `message` is what the `catch` node sends on, with the error added. */
type Raise = (error: Error, message?: Record<string, unknown>) => void;

/** The one of this Node-RED. All nodes share its two listeners: Node.js warns of more than ten. */
export function flowStarts(events: FlowEvents): FlowStarts {
  const all = processWide("flow-starts", () => new WeakMap<FlowEvents, FlowStarts>());
  const starts = all.get(events) ?? new FlowStarts(events);
  all.set(events, starts);
  return starts;
}

/**
 * Node-RED gives an error to `catch` nodes only with a message, which may be empty, and while flows start it does not know
 * the `catch` nodes. What a node raises meanwhile, in its constructor above all, waits until they have started.
 */
export class FlowStarts {
  /** What each node does when flows have started. */
  private readonly nodes = new Map<WatchingNode, () => void>();
  /** What was raised while flows start; undefined at other times. */
  private early: (() => void)[] | undefined;

  constructor(private readonly events: FlowEvents) {}

  /** Call it first in the constructor of a node. It calls `changed` whenever flows have started, until the node is closed. */
  watch(node: WatchingNode, changed: () => void = () => undefined): Raise {
    if (this.nodes.size === 0) {
      this.starting();
      this.events.on("flows:starting", this.starting);
      this.events.on("flows:started", this.started);
    }
    this.nodes.set(node, changed);
    node.on("close", () => {
      this.nodes.delete(node);
      if (this.nodes.size > 0) return;
      this.events.off("flows:starting", this.starting);
      this.events.off("flows:started", this.started);
      this.started();
    });
    return (error, message = {}) => {
      if (this.early === undefined) node.error(error, message);
      else this.early.push(() => node.error(error, message));
    };
  }

  private readonly starting = (): void => {
    this.early ??= [];
  };

  private readonly started = (): void => {
    const early = this.early ?? [];
    this.early = undefined;
    for (const raise of early) raise();
    for (const changed of this.nodes.values()) changed();
  };
}
