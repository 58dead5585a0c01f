/**
 * The wire format of DXL messages: MessagePack values one behind the other, without a frame around them. The topic is
 * not among them; it is that of the MQTT packet. Version 0 ends with the payload (and the type part), version 1 added
 * otherFields, version 2 the tenants, version 3 the instance of the client. Current brokers deliver version 3,
 * whatever was published; what they cannot parse they pass on as it is, so sender ids are no proof of origin.
 * Source: OpenDXL clients (Java, JavaScript, Python), class Message, and the OpenDXL broker, messageImpl.cpp.
 */
import { dxlError } from "./errors";
import { MessagePackReader, packRaw, packTexts, type KnownNames } from "./message-pack";

/** The values of `messageType`. */
export const MessageType = { request: 0, response: 1, event: 2, error: 3 } as const;

export type OtherFields = Record<string, string>;

/** What a version does not have is empty. */
export interface DxlMessage {
  /** 0 to 3, and higher ones, of which the known fields are read. */
  version: number;
  messageType: number;
  messageId: string;
  sourceClientId: string;
  sourceBrokerId: string;
  brokerIds: string[];
  clientIds: string[];
  /** A view of the bytes that were read: whoever keeps it copies it. */
  payload: Buffer;
  /** A plain object; the name `__proto__` is an own property like any other. */
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
 * Reads a message of any type. A version's fields that are missing altogether are empty, what follows the known fields
 * is ignored, and entries of lists that are not texts are dropped: brokers pass all of that on. Of a list
 * the first 2,000 entries are kept. Who decodes a stream gives its messages the same `names`, which makes it faster.
 * Throws SiemError NOT_A_DXL_MESSAGE, and nothing else, if a field is cut off or has another type.
 */
export function decodeMessage(bytes: Uint8Array, names?: KnownNames): DxlMessage {
  const reader = new MessagePackReader(Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), names);
  let field: keyof DxlMessage = "version";
  try {
    const version = wholeNumber(reader);
    field = "messageType";
    const messageType = wholeNumber(reader);
    if (messageType > MessageType.error) throw new RangeError("unknown message type");
    field = "messageId";
    const messageId = reader.text();
    field = "sourceClientId";
    const sourceClientId = reader.text();
    field = "sourceBrokerId";
    const sourceBrokerId = reader.text();
    field = "brokerIds";
    const brokerIds = texts(reader);
    field = "clientIds";
    const clientIds = texts(reader);
    field = "payload";
    const payload = reader.raw();
    field = "serviceId";
    const typePart = messageType === MessageType.event ? undefined : readTypePart(reader, messageType);
    field = "otherFields";
    const otherFields = version > 0 && !reader.atEnd ? readOtherFields(reader) : {};
    field = "sourceTenantGuid";
    const sourceTenantGuid = version > 1 && !reader.atEnd ? reader.text() : "";
    field = "destinationTenantGuids";
    const destinationTenantGuids = version > 1 && !reader.atEnd ? texts(reader) : [];
    field = "sourceClientInstanceId";
    const sourceClientInstanceId = version > 2 && !reader.atEnd ? reader.text() : "";
    const message = {
      version, messageType, messageId, sourceClientId, sourceBrokerId, brokerIds, clientIds, payload,
      otherFields, sourceTenantGuid, destinationTenantGuids, sourceClientInstanceId,
    };
    // Events, which are nearly everything that comes, have no such part; even spreading nothing costs a copy.
    return typePart === undefined ? message : { ...message, ...typePart };
  } catch (cause) {
    throw dxlError("NOT_A_DXL_MESSAGE", { size: bytes.length, field }, { cause });
  }
}

function wholeNumber(reader: MessagePackReader): number {
  const value = reader.integer();
  if (value < 0) throw new RangeError("negative");
  return value;
}

/** Entries of one list that are kept. Real lists are short; a million entries, which fit into a message, would cost a tenth of a second. */
const MOST_ENTRIES = 2000;

/** The entries of a list that are texts. */
function texts(reader: MessagePackReader): string[] {
  const length = reader.arrayLength();
  const most = Math.min(length, MOST_ENTRIES);
  const kept: string[] = [];
  for (let count = 0; count < most; count++) {
    const text = reader.textOrSkip();
    if (text !== undefined) kept.push(text);
  }
  reader.skip(length - most);
  return kept;
}

/** Key, value, key, value; of keys that repeat, the last counts, and a key without a text has the empty one. */
function readOtherFields(reader: MessagePackReader): OtherFields {
  const length = reader.arrayLength();
  const most = Math.min(length, MOST_ENTRIES);
  const fields: OtherFields = {};
  for (let count = 0; count < most; count += 2) {
    const key = reader.nameOrSkip();
    const value = (count + 1 < most ? reader.textOrSkip() : undefined) ?? "";
    if (key === "__proto__") Object.defineProperty(fields, key, { value, enumerable: true, configurable: true, writable: true });
    else if (key !== undefined) fields[key] = value;
  }
  reader.skip(length - most);
  return fields;
}

function readTypePart(reader: MessagePackReader, messageType: number): Partial<DxlMessage> {
  if (messageType === MessageType.request) return { replyToTopic: reader.text(), serviceId: reader.text() };
  const response = { requestMessageId: reader.text(), serviceId: reader.text() };
  return messageType === MessageType.response ? response : { ...response, errorCode: reader.integer(), errorMessage: reader.text() };
}

export type EventFields = Pick<DxlMessage, "messageId"> & { payload: Uint8Array | string } & Partial<Omit<DxlMessage, "messageType" | "messageId" | "payload">>;

/**
 * An event as a broker delivers it: in version 3 unless `version` (0 to 127) says otherwise, every text and the
 * payload as raw.
 */
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
