/** From an event of the fabric to the message that a flow gets. */
import { isRecord, type RecordKind } from "../messages";
import { dxlError } from "./errors";
import type { DxlMessage } from "./message";
import type { PayloadParser } from "./payload-parser";
import { TIE_TOPICS } from "./topics";

export type PayloadType = "json" | "string" | "buffer";

export interface PayloadOptions {
  payloadType: PayloadType;
  /** The aggregates of `otherData` (`listOf...`, `setOf...`), which are texts with commas, become arrays. */
  expandAggregates: boolean;
}

/** What a flow may know about the event's way through the fabric: informational, never proof of origin. */
export interface DxlMetadata
  extends Pick<DxlMessage, "messageId" | "sourceClientId" | "sourceBrokerId" | "brokerIds" | "clientIds" | "otherFields" | "version"> {
  /** The payload was JSON only after what stood around it was cut off. */
  repaired?: true;
}

export interface ThreatEventMessage {
  payload: unknown;
  /** The topic that the event came on. */
  topic: string;
  kind?: RecordKind;
  dxl: DxlMetadata;
  [property: string]: unknown;
}

/**
 * The payload as JSON, text or bytes. JSON is found also behind a byte order mark and before NULs or other remains
 * that products send after it; then `repaired` is true. Who reads a stream gives the same `parser` each time, which makes
 * it faster. Throws SiemError PAYLOAD_NOT_JSON.
 */
export function readPayload(payload: Buffer, { payloadType, expandAggregates }: PayloadOptions, parser?: PayloadParser): { payload: unknown; repaired: boolean } {
  // The payload is a view of what the connection received; a flow may keep its bytes, or write into them.
  if (payloadType === "buffer") return { payload: Buffer.from(payload), repaired: false };
  const known = payloadType === "json" ? parser?.parse(payload) : undefined;
  if (known !== undefined) {
    if (expandAggregates) expand(known);
    return { payload: known, repaired: false };
  }
  const text = payload.toString();
  if (payloadType === "string") return { payload: text, repaired: false };
  const start = text.charCodeAt(0) === BYTE_ORDER_MARK ? 1 : 0;
  let end = text.length;
  while (end > start && text.charCodeAt(end - 1) === 0) end--;
  let repaired = start > 0 || end < text.length;
  let value = parse(repaired ? text.slice(start, end) : text);
  if (value === undefined) {
    repaired = true;
    end = Math.max(text.lastIndexOf("}"), text.lastIndexOf("]")) + 1;
    value = parse(text.slice(start, end));
  }
  if (value === undefined) throw dxlError("PAYLOAD_NOT_JSON", { size: payload.length });
  if (!repaired) parser?.learn(value, payload.length);
  if (expandAggregates) expand(value);
  return { payload: value, repaired };
}

/**
 * The message for an event that came on `topic`. An ePO threat event gets its `kind`, on whichever topic it comes; the
 * hashes of TIE events are hexadecimal. `parser` is that of `readPayload`. Throws SiemError PAYLOAD_NOT_JSON.
 */
export function toFlowMessage(topic: string, message: DxlMessage, options: PayloadOptions, parser?: PayloadParser): ThreatEventMessage {
  const { payload, repaired } = readPayload(message.payload, options, parser);
  if (options.payloadType === "json" && topic.startsWith(TIE_TOPICS)) readableHashes(payload);
  const { messageId, sourceClientId, sourceBrokerId, brokerIds, clientIds, otherFields, version } = message;
  const dxl: DxlMetadata = { messageId, sourceClientId, sourceBrokerId, brokerIds, clientIds, otherFields, version };
  if (repaired) dxl.repaired = true;
  return isThreatEvent(payload) ? { payload, topic, kind: "epo.threat-event", dxl } : { payload, topic, dxl };
}

const BYTE_ORDER_MARK = 0xfeff;

/** No JSON text stands for undefined. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** ePO names the type of a Common Event `eventMessageType` or, since its extensions 5.0, `eventMsgType`. */
function isThreatEvent(payload: unknown): boolean {
  return isRecord(payload) && isRecord(payload["event"]) && typeof (payload["eventMessageType"] ?? payload["eventMsgType"]) === "string";
}

function expand(payload: unknown): void {
  const event = isRecord(payload) ? payload["event"] : undefined;
  const otherData = isRecord(event) ? event["otherData"] : undefined;
  if (!isRecord(otherData)) return;
  for (const [key, value] of Object.entries(otherData)) {
    const isSet = key.includes("setOf");
    if (typeof value !== "string" || !(isSet || key.includes("listOf"))) continue;
    const items = value.split(",").map((item) => item.trim()).filter((item) => item !== "");
    otherData[key] = isSet ? [...new Set(items)] : items;
  }
}

/** The list `[{type, value}]` with values in Base64 becomes an object of hexadecimal values; anything else stays. */
function readableHashes(payload: unknown): void {
  if (!isRecord(payload) || !Array.isArray(payload["hashes"])) return;
  const hashes = payload["hashes"].filter(isHash);
  if (hashes.length === payload["hashes"].length) {
    payload["hashes"] = Object.fromEntries(hashes.map(({ type, value }) => [type.toLowerCase(), Buffer.from(value, "base64").toString("hex")]));
  }
}

function isHash(item: unknown): item is { type: string; value: string } {
  return isRecord(item) && typeof item["type"] === "string" && typeof item["value"] === "string";
}
