/** The figures of every node in the process, and their text for Prometheus. */
import { processWide } from "../common/process-wide";
import type { Colour } from "../common/status-colour";
import { METRICS, type Figures, type MetricName } from "./table";

export interface LastError {
  code: string;
  message: string;
  /** ISO 8601. */
  time: string;
  /** When the node's status became green again after the error, ISO 8601. */
  recovered?: string;
}

/** One node's figures, as `msg.action: "stats"` returns them. */
export interface NodeFigures extends Figures {
  id: string;
  type: string;
  name: string;
  /** What the node shows below itself in the editor. `recovered`: when it became green after it was neither green nor busy (blue), ISO 8601. */
  status?: { fill: Colour; text: string; recovered?: string | undefined };
  lastError?: LastError;
}

export class Metrics {
  private readonly sources = new Set<() => NodeFigures>();

  /** Adds a node. Returns a function that removes it. */
  add(source: () => NodeFigures): () => void {
    this.sources.add(source);
    return () => void this.sources.delete(source);
  }

  /** The figures of all nodes. */
  all(): NodeFigures[] {
    return [...this.sources].map((source) => source());
  }
}

/** Shared by the whole process for the same reason as the delivery registry: every node set must reach the same object. */
export const metricsOfProcess = (): Metrics => processWide("metrics@1", () => new Metrics());

export const PROMETHEUS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

const escapeLabel = (value: string) => value.replace(/[\\"\n]/g, (char) => (char === "\n" ? "\\n" : `\\${char}`));

const labels = (values: Record<string, string>) =>
  `{${Object.entries(values).map(([name, value]) => `${name}="${escapeLabel(value)}"`).join(",")}}`;

const snake = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** The text format of Prometheus (exposition formats, version 0.0.4): a block for each metric, a line for each node and reason. */
export function prometheusText(nodes: readonly NodeFigures[]): string {
  const lines: string[] = [];
  const block = (name: string, kind: string, help: string, samples: string[]) => {
    if (samples.length > 0) lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${kind}`, ...samples.map((sample) => name + sample));
  };
  const nodeLabels = ({ id, type, name }: NodeFigures) => ({ node: id, type, name });
  for (const [metric, { kind, help }] of Object.entries(METRICS)) {
    const samples = nodes.flatMap((node) => {
      const figure = node[metric as MetricName];
      if (figure === undefined) return [];
      if (typeof figure === "number") return [`${labels(nodeLabels(node))} ${figure}`];
      return Object.entries(figure).map(([reason, value]) => `${labels({ ...nodeLabels(node), reason })} ${value}`);
    });
    block(`security_events_${snake(metric)}${kind === "counter" ? "_total" : ""}`, kind, help, samples);
  }
  const errorTimes = (time: (error: LastError) => string | undefined) => nodes.flatMap((node) => {
    const at = node.lastError && time(node.lastError);
    return at === undefined ? [] : [`${labels({ ...nodeLabels(node), code: node.lastError?.code ?? "" })} ${Date.parse(at) / 1000}`];
  });
  block("security_events_last_error_timestamp_seconds", "gauge", "When the node's last error happened, in seconds since 1970; the code says which.", errorTimes(({ time }) => time));
  block("security_events_last_error_recovered_timestamp_seconds", "gauge", "When the node was well again after its last error, in seconds since 1970.", errorTimes(({ recovered }) => recovered));
  return lines.length === 0 ? "" : `${lines.join("\n")}\n`;
}
