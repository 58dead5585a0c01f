/**
 * The message contract between the nodes of this package. Nothing in it is a function, a socket or a class instance:
 * every property survives clone, JSON, context storage and MQTT.
 */

/** The kind of record in a message; it selects the CEF mapping. */
export type RecordKind =
  | "code42.file-event.v2"
  | "code42.file-event.v1"
  | "code42.session"
  | "code42.alert"
  | "code42.audit-event"
  | "epo.threat-event";

/** What a sink confirms in the delivery registry: unit `index` of the `count` units under `token`. */
export interface Delivery {
  token: string;
  index: number;
  count: number;
}

/** Node-RED's own sequence property; core `split` keeps the sequence that it splits in `parts`. */
export interface MessageParts {
  id: string;
  index: number;
  count?: number;
  parts?: MessageParts;
  [property: string]: unknown;
}

/** A message as our nodes read and write it; other properties pass through. */
export interface FlowMessage {
  payload?: unknown;
  topic?: unknown;
  kind?: unknown;
  delivery?: unknown;
  parts?: unknown;
  [property: string]: unknown;
}

/** True for objects other than null and arrays. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** True if `value` has the shape of `msg.delivery`; the registry decides whether it knows the token. */
export function isDelivery(value: unknown): value is Delivery {
  return isRecord(value)
    && typeof value["token"] === "string"
    && Number.isInteger(value["index"]) && Number.isInteger(value["count"])
    && (value["index"] as number) >= 0 && (value["index"] as number) < (value["count"] as number);
}

/** True if `value` has the shape of `msg.parts`. */
export function isMessageParts(value: unknown): value is MessageParts {
  return isRecord(value) && typeof value["id"] === "string" && Number.isInteger(value["index"]) && (value["index"] as number) >= 0;
}
