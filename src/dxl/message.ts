/**
 * The wire format of DXL messages: MessagePack values one after the other, with nothing around them. The topic is not one
 * of them; it is that of the MQTT packet. Version 0 ends with the payload (and the type part), version 1 added otherFields,
 * version 2 the tenants, version 3 the client instance. Current brokers deliver version 3, whatever the version published.
 * They pass on unchanged what they cannot parse, so sender ids prove no origin.
 * Source: OpenDXL clients (Java, JavaScript, Python), class Message, and the OpenDXL broker, messageImpl.cpp.
 */
import { dxlError } from "./errors";
import { plain } from "../common/border";
import { MessagePackReader, packRaw, packTexts } from "./message-pack";

/** The values of `messageType`. */
export const MessageType = { request: 0, response: 1, event: 2, error: 3 } as const;

export type OtherFields = Record<string, string>;

/** Fields that a version does not have are empty. */
export interface DxlMessage {
  /** 0 to 3; of higher versions the known fields are read. */
  version: number;
  messageType: number;
  messageId: string;
  sourceClientId: string;
  sourceBrokerId: string;
  brokerIds: string[];
  clientIds: string[];
  /** A view of the bytes that were read, not a copy. */
  payload: Buffer;
  /** A plain object; `__proto__` is an own property like any other name. */
  otherFields: OtherFields;
  sourceTenantGuid: string;
  destinationTenantGuids: string[];
  sourceClientInstanceId: string;
  /** Requests only. */
  replyToTopic?: string;
  /** Responses and errors only. */
  requestMessageId?: string;
  /** Requests, responses and errors. */
  serviceId?: string;
  /** Errors only; signed. */
  errorCode?: number;
  errorMessage?: string;
}

/**
 * Reads a message of any type. Brokers pass on what clients make, so the reader is tolerant: trailing fields that are
 * missing are empty, bytes after the known fields are ignored, and list entries that are not texts are dropped. It keeps
 * the first 2,000 entries of a list. `message` gets each field as soon as it is read, for a caller that reports the beginning of
 * what cannot be read. Throws only SiemError NOT_A_DXL_MESSAGE: a field is cut off or has another type.
 */
export function decodeMessage(bytes: Uint8Array, message: Partial<DxlMessage> = {}): DxlMessage {
  const reader = new MessagePackReader(Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  let field: keyof DxlMessage = "version";
  try {
    const version = wholeNumber(reader);
    message.version = version;
    field = "messageType";
    const messageType = wholeNumber(reader);
    if (messageType > MessageType.error) throw new RangeError("unknown message type");
    message.messageType = messageType;
    field = "messageId";
    message.messageId = reader.text();
    field = "sourceClientId";
    message.sourceClientId = reader.text();
    field = "sourceBrokerId";
    message.sourceBrokerId = reader.text();
    field = "brokerIds";
    message.brokerIds = texts(reader);
    field = "clientIds";
    message.clientIds = texts(reader);
    field = "payload";
    message.payload = reader.raw();
    field = "serviceId";
    Object.assign(message, readTypePart(reader, messageType));
    field = "otherFields";
    message.otherFields = version > 0 && !reader.atEnd ? readOtherFields(reader) : {};
    field = "sourceTenantGuid";
    message.sourceTenantGuid = version > 1 && !reader.atEnd ? reader.text() : "";
    field = "destinationTenantGuids";
    message.destinationTenantGuids = version > 1 && !reader.atEnd ? texts(reader) : [];
    field = "sourceClientInstanceId";
    message.sourceClientInstanceId = version > 2 && !reader.atEnd ? reader.text() : "";
    return message as DxlMessage;
  } catch (cause) {
    throw dxlError("NOT_A_DXL_MESSAGE", plain.params({ size: bytes.length, field }), { cause: plain.cause(cause) });
  }
}

function wholeNumber(reader: MessagePackReader): number {
  const value = reader.integer();
  if (value < 0) throw new RangeError("negative");
  return value;
}

/** Entries of a list that are kept. Real lists are short; the million entries that fit into a message would take a tenth of a second. */
const MOST_ENTRIES = 2000;

/** The first entries of a list; undefined for those that are not texts. */
function entries(reader: MessagePackReader): (string | undefined)[] {
  const length = reader.arrayLength();
  const kept: (string | undefined)[] = [];
  while (kept.length < length && kept.length < MOST_ENTRIES) kept.push(reader.textOrSkip());
  reader.skip(length - kept.length);
  return kept;
}

const texts = (reader: MessagePackReader): string[] => entries(reader).filter((entry) => entry !== undefined);

/** Key, value, key, value. Of repeated keys the last counts; a value that is missing or not a text is empty. */
function readOtherFields(reader: MessagePackReader): OtherFields {
  const list = entries(reader);
  const fields: OtherFields = {};
  for (let index = 0; index < list.length; index += 2) {
    const key = list[index];
    const value = list[index + 1] ?? "";
    if (key === "__proto__") Object.defineProperty(fields, key, { value, enumerable: true, configurable: true, writable: true });
    else if (key !== undefined) fields[key] = value;
  }
  return fields;
}

/** The fields that only one type of message has, as in the interface. */
function readTypePart(reader: MessagePackReader, messageType: number): Partial<DxlMessage> {
  if (messageType === MessageType.event) return {};
  if (messageType === MessageType.request) return { replyToTopic: reader.text(), serviceId: reader.text() };
  const response = { requestMessageId: reader.text(), serviceId: reader.text() };
  return messageType === MessageType.response ? response : { ...response, errorCode: reader.integer(), errorMessage: reader.text() };
}

export type EventFields = Pick<DxlMessage, "messageId"> & { payload: Uint8Array | string } & Partial<Omit<DxlMessage, "messageType" | "messageId" | "payload">>;

/** An event as a broker delivers it, every text and the payload as raw; `version`: 0 to 127, 3 by default. */
export function encodeEvent(fields: EventFields): Buffer {
  const { version = 3 } = fields;
  const parts = [
    Buffer.from([version, MessageType.event]),
    packRaw(fields.messageId),
    packRaw(fields.sourceClientId ?? ""),
    packRaw(fields.sourceBrokerId ?? ""),
    packTexts(fields.brokerIds ?? []),
    packTexts(fields.clientIds ?? []),
    packRaw(fields.payload),
  ];
  if (version > 0) parts.push(packTexts(Object.entries(fields.otherFields ?? {}).flat()));
  if (version > 1) parts.push(packRaw(fields.sourceTenantGuid ?? ""), packTexts(fields.destinationTenantGuids ?? []));
  if (version > 2) parts.push(packRaw(fields.sourceClientInstanceId ?? ""));
  return Buffer.concat(parts);
}
