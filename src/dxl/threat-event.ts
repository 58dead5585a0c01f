/** Makes the message of a flow from an event of the fabric. */
import { parseExact } from "../common/exact-json";
import { isUtf8 } from "node:buffer";
import { isRecord, type RecordKind } from "../common/messages";
import { dxlError } from "./errors";
import type { DxlMessage } from "./message";
import { TIE_TOPICS } from "./topics";

export type PayloadType = "json" | "string" | "buffer";

export interface PayloadOptions {
  payloadType: PayloadType;
  /** Turns the aggregates of `otherData` (`listOf...`, `setOf...`), which are texts with commas, into arrays. */
  expandAggregates: boolean;
  /** Adds the bytes of the payload to the metadata. */
  rawPayload: boolean;
}

const METADATA = [
  "messageId", "sourceClientId", "sourceBrokerId", "brokerIds", "clientIds", "otherFields", "version", "sourceTenantGuid", "destinationTenantGuids",
] as const;

/** The event's way through the fabric, with the names of the vendor's clients: informational, never proof of origin. */
export interface DxlMetadata extends Pick<DxlMessage, (typeof METADATA)[number]> {
  /** The payload was JSON only after bytes around it were cut off, or some of its bytes are no UTF-8 and were replaced. */
  repaired?: true;
  /** The payload as it arrived, if it was asked for. */
  payload?: Buffer;
}

/** The metadata of what was read of a message. */
export const metadataOf = (message: Partial<DxlMessage>): Partial<DxlMetadata> =>
  Object.fromEntries(METADATA.filter((name) => message[name] !== undefined).map((name) => [name, message[name]]));

export interface ThreatEventMessage {
  payload: unknown;
  /** The topic of the event. */
  topic: string;
  kind?: RecordKind;
  dxl: DxlMetadata;
  [property: string]: unknown;
}

/**
 * The payload as JSON, text or bytes. Some products send a byte order mark before the JSON, or NULs and other remains after
 * it; these are cut off, and `repaired` is true. It is true also if bytes that are no UTF-8 became U+FFFD. Throws SiemError
 * PAYLOAD_NOT_JSON.
 */
export function readPayload(payload: Buffer, { payloadType, expandAggregates }: Omit<PayloadOptions, "rawPayload">): { payload: unknown; repaired: boolean } {
  // Every subscriber gets the same bytes, and a flow may write into its message.
  if (payloadType === "buffer") return { payload: Buffer.from(payload), repaired: false };
  const text = payload.toString();
  const replaced = !isUtf8(payload);
  if (payloadType === "string") return { payload: text, repaired: replaced };
  const start = text.charCodeAt(0) === BYTE_ORDER_MARK ? 1 : 0;
  let end = text.length;
  while (end > start && text.charCodeAt(end - 1) === 0) end--;
  let cut = start > 0 || end < text.length;
  let value = parse(cut ? text.slice(start, end) : text);
  if (value === undefined) {
    cut = true;
    end = Math.max(text.lastIndexOf("}"), text.lastIndexOf("]")) + 1;
    value = parse(text.slice(start, end));
  }
  if (value === undefined) throw dxlError("PAYLOAD_NOT_JSON", { size: payload.length });
  if (expandAggregates) expand(value);
  return { payload: value, repaired: cut || replaced };
}

/**
 * The message for an event of `topic`. An ePO threat event gets its `kind` on every topic; the hashes of TIE events become
 * hexadecimal. Throws SiemError PAYLOAD_NOT_JSON.
 */
export function toFlowMessage(topic: string, message: DxlMessage, options: PayloadOptions): ThreatEventMessage {
  const { payload, repaired } = readPayload(message.payload, options);
  if (options.payloadType === "json" && topic.startsWith(TIE_TOPICS)) readableHashes(payload);
  const dxl = metadataOf(message) as DxlMetadata;
  if (repaired) dxl.repaired = true;
  // Every subscriber gets the same bytes.
  if (options.rawPayload) dxl.payload = Buffer.from(message.payload);
  return isThreatEvent(payload) ? { payload, topic, kind: "epo.threat-event", dxl } : { payload, topic, dxl };
}

const BYTE_ORDER_MARK = 0xfeff;

/** Undefined if the text is not JSON: no JSON text means undefined. */
function parse(text: string): unknown {
  try {
    return parseExact(text);
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

/** The list `[{type, value}]` with values in Base64 becomes an object `{type: value}` in hexadecimal; anything else stays as it is. */
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
