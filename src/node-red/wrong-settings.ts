/** What a node does whose settings are wrong. */
import type { FlowMessage } from "../common/messages";
import type { StatusLine } from "./report";
import type { NodeStats } from "./stats";

type Done = (error?: Error) => void;

/** The part of a node that we need. */
interface FailingNode {
  on(event: "input", listener: (message: FlowMessage, send: (message: FlowMessage) => void, done: Done) => void): unknown;
  on(event: "close", listener: () => void): unknown;
}

/** Until the next deploy `node` is red, tells its figures, and fails every other message with `reason`. */
export function failMessages(node: object, reason: Error, { status, stats }: { status: StatusLine; stats: NodeStats }): void {
  const failing = node as FailingNode;
  status.show("red", "common.status.badConfig");
  failing.on("input", (message, send, done) => {
    if (!stats.answer(message)) return done(reason);
    send(message);
    done();
  });
  failing.on("close", () => {
    stats.close();
    status.close();
  });
}
