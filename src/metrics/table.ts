/** The metrics of the nodes, by the names that monitoring systems and `msg.action: "stats"` show. */

export interface Metric {
  /** A gauge is a current value; a counter starts at 0 with its node and only grows. */
  kind: "counter" | "gauge";
  /** One English sentence, which Prometheus shows. */
  help: string;
}

const counter = (help: string): Metric => ({ kind: "counter", help });
const gauge = (help: string): Metric => ({ kind: "gauge", help });

export const METRICS = {
  read: counter("Events read from the source."),
  sent: counter("Events handed on: to the flow by a source or a formatter, to the SIEM by a sink."),
  received: counter("Events or lines that the node was given."),
  confirmed: counter("Events whose delivery was confirmed."),
  rejected: counter("Deliveries that were refused and are sent again."),
  ignored: counter("Confirmations that nobody waited for."),
  resent: counter("Events or lines sent again."),
  duplicates: counter("Events that were known already and not sent again."),
  dropped: counter("Events or lines that the node gave up, by reason."),
  repaired: counter("Events whose payload was damaged and was read after a repair."),
  failed: counter("Events that could not be formatted and travel as a short line; messages of a stream that could not be read."),
  shortened: counter("Lines cut at the limit of the receiver."),
  bytes: counter("Bytes written: headers and frames included; to a stream, bodies as stored."),
  polls: counter("Polls begun."),
  failedPolls: counter("Polls that failed."),
  retries: counter("Requests that were tried again."),
  reconnects: counter("Connections opened again after one was lost or refused."),
  connected: gauge("1 while there is a connection."),
  waiting: gauge("Events or lines that wait in the node's queue."),
  unacknowledgedBytes: gauge("Bytes written to the SIEM and not acknowledged by it."),
  secondsWithoutProgress: gauge("Seconds since the SIEM acknowledged something, while bytes wait for that."),
  pagesOut: gauge("Pages sent and not confirmed yet."),
  streamPending: gauge("Messages in the stream that are not acknowledged."),
  pagesHeld: gauge("Pages of these that sinks have in hand."),
  cursorIds: gauge("Event ids in the cursor's ledger."),
  cursorAgeSeconds: gauge("How far the cursor lies behind the clock, in seconds."),
  active: gauge("1 while this instance has the lease of a shared cursor."),
  takeovers: counter("Times that this instance got the lease of a shared cursor."),
  leaseLapses: counter("Times that the lease of a shared cursor ended before it was renewed."),
  largestLatenessSeconds: gauge("The longest that an event needed to become searchable after its insertion time, in seconds."),
} satisfies Record<string, Metric>;

export type MetricName = keyof typeof METRICS;

/** A number, or numbers by reason. */
export type Figure = number | Readonly<Record<string, number>>;

export type Figures = Partial<Record<MetricName, Figure>>;
