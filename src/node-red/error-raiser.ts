/** Raises the errors that no input message waits for, so that `catch` nodes get them. */

interface RaisingNode {
  error(error: Error, message: Record<string, unknown>): void;
  on(event: "close", listener: () => void): unknown;
}

type FlowEvent = "flows:starting" | "flows:started";

interface FlowEvents {
  on(event: FlowEvent, listener: () => void): unknown;
  off(event: FlowEvent, listener: () => void): unknown;
}

/** `message` is what the `catch` node sends on, with the error added. */
type Raise = (error: Error, message?: Record<string, unknown>) => void;

/**
 * One for each node type. Node-RED gives an error to `catch` nodes only with a message, which may be empty, and while flows
 * start it does not know the `catch` nodes. What a node raises meanwhile, in its constructor above all, waits until they have
 * started.
 */
export class ErrorRaiser {
  private readonly nodes = new Set<RaisingNode>();
  /** What was raised while flows start; undefined at other times. */
  private early: (() => void)[] | undefined;

  constructor(private readonly events: FlowEvents) {}

  /** Call it first in the constructor of a node. */
  of(node: RaisingNode): Raise {
    // The listeners are shared: Node.js warns of more than ten.
    if (this.nodes.size === 0) {
      this.starting();
      this.events.on("flows:starting", this.starting);
      this.events.on("flows:started", this.started);
    }
    this.nodes.add(node);
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
  };
}
