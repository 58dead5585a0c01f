/** A node's figures for the metrics route and for `msg.action: "stats"`. */
import { printable } from "../common/border";
import { SiemError } from "../common/errors";
import type { FlowMessage } from "../common/messages";
import { metricsOfProcess, type LastError, type NodeFigures } from "../metrics/metrics";
import type { Figures } from "../metrics/table";
import type { StatusTarget } from "./report";

const STATS_TOPIC = "security-events/stats";

export class NodeStats {
  private lastError: LastError | undefined;
  private readonly remove: () => void;

  /** `figures` may be replaced once there is something to count. */
  constructor(private readonly node: Pick<StatusTarget, "shownStatus"> & { id: string; type: string; name?: string | undefined }, public figures: () => Figures = () => ({})) {
    this.remove = metricsOfProcess().add(() => this.read());
  }

  read(): NodeFigures {
    const { id, type, name, shownStatus } = this.node;
    return {
      id, type, name: printable(name ?? ""), ...this.figures(),
      ...(shownStatus === undefined ? {} : { status: { ...shownStatus } }),
      ...(this.lastError === undefined ? {} : { lastError: withRecovery(this.lastError, shownStatus?.recovered) }),
    };
  }

  /** Keeps `error` as the last one, and returns it. */
  failed<Failure extends Error>(error: Failure): Failure {
    this.lastError = { code: error instanceof SiemError ? error.code : error.name, message: printable(error, 1000), time: new Date().toISOString() };
    return error;
  }

  /**
   * Answers a message with `msg.action: "stats"`: adds the figures to the list in its payload, so that the message collects
   * the figures of all nodes that it passes. False for any other message; a message with a delivery is never a command.
   */
  answer(message: FlowMessage): boolean {
    if (message["action"] !== "stats" || message.delivery !== undefined) return false;
    const before = message.topic === STATS_TOPIC && Array.isArray(message.payload) ? (message.payload as unknown[]) : [];
    message.payload = [...before, this.read()];
    message.topic = STATS_TOPIC;
    return true;
  }

  close(): void {
    this.remove();
  }
}

const withRecovery = (error: LastError, recovered: string | undefined): LastError =>
  (recovered === undefined || recovered < error.time ? error : { ...error, recovered });
