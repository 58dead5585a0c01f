/**
 * The embedded DXL broker: MQTT 3.1.1 over TLS 1.2 with client certificates. It rewrites messages as the OpenDXL broker 6.0
 * does: to version 3, with sender ids from the client certificate, and with all texts and the payload as MessagePack's old
 * raw type. It cannot read a message with a binary payload and forwards it unchanged (`messageImpl.cpp`, `unpackRaw`).
 */
import { randomUUID } from "node:crypto";
import type { AddressInfo, Socket } from "node:net";
import { createServer, type TLSSocket } from "node:tls";
import type { Client } from "aedes" with { "resolution-mode": "import" };
import { decodeMessage, encodeEvent } from "../dxl/message";
import { MessagePackReader } from "../dxl/message-pack";

export interface DxlBrokerOptions {
  /** Default 127.0.0.1. */
  host?: string;
  /** 0 (the default) means any free port. */
  port?: number;
  /** PEM text; the broker verifies clients with `ca`. */
  tls: { key: string; cert: string; ca: string };
}

export interface DxlBroker {
  readonly port: number;
  /** Number of connected clients. */
  readonly clients: number;
  /** The topic filters of all subscriptions, one entry for each client and filter. */
  readonly filters: readonly string[];
  /** Publishes in the name of another client of the fabric. A text becomes the payload of an event; bytes are sent unchanged. */
  publish(topic: string, message: string | Uint8Array): Promise<void>;
  /** Ends all connections and stops listening. */
  close(): Promise<void>;
}

/** The id of the client that publish() uses, in the role of the ePO server. */
const OTHER_CLIENT = "e90".padEnd(40, "0");

/** The lower-case SHA-1 thumbprint of the client's certificate: its id on the fabric. */
function thumbprint(client: Client): string {
  return (client.conn as TLSSocket).getPeerCertificate().fingerprint.replaceAll(":", "").toLowerCase();
}

/** An event in the name of OTHER_CLIENT. */
function eventOf(payload: string, sourceBrokerId: string): Buffer {
  return encodeEvent({ messageId: `{${randomUUID()}}`, sourceClientId: OTHER_CLIENT, sourceBrokerId, payload, otherFields: { "dxl.certs": OTHER_CLIENT } });
}

/** True if the payload has MessagePack's type bin, in its shortest form, as clients write it. */
function hasBinaryPayload(bytes: Buffer): boolean {
  const reader = new MessagePackReader(bytes);
  for (let field = 0; field < 2; field++) reader.integer();
  for (let field = 0; field < 3; field++) reader.text();
  for (let field = 0; field < 2; field++) for (let left = reader.arrayLength(); left > 0; left--) reader.text();
  const payload = reader.raw();
  const [type, lengthBytes] = payload.length < 0x100 ? [0xc4, 1] : payload.length < 0x10000 ? [0xc5, 2] : [0xc6, 4];
  return bytes[payload.byteOffset - bytes.byteOffset - lengthBytes - 1] === type;
}

/** Starts a broker for clients with certificates of `tls.ca`. Throws the errors of `listen`, such as EADDRINUSE. */
export async function startDxlBroker(options: DxlBrokerOptions): Promise<DxlBroker> {
  const brokerId = randomUUID();
  const filters: { client: Client; topic: string }[] = [];
  const sockets = new Set<Socket>();

  /** The message as subscribers get it when the client with the thumbprint `sourceClientId` publishes `bytes`. */
  const rewritten = (bytes: Buffer, sourceClientId: string): Buffer => {
    const message = decodeMessage(bytes);
    if (hasBinaryPayload(bytes)) return bytes;
    return encodeEvent({
      ...message,
      version: 3,
      sourceClientId,
      sourceBrokerId: brokerId,
      clientIds: [],
      // The broker sets dxl.certs only if the publisher has not.
      otherFields: { "dxl.certs": sourceClientId, ...message.otherFields },
      sourceTenantGuid: "",
      sourceClientInstanceId: `${sourceClientId}:${brokerId}`,
    });
  };

  const { Aedes } = await import("aedes");
  const mqtt = await Aedes.createBroker({
    // Persistent sessions are not supported: the connection ends without a CONNACK.
    preConnect: (client, packet, done) => {
      if (packet.clean === false) client.conn.destroy();
      else done(null, true);
    },
    authorizePublish: (client, packet, done) => {
      packet.retain = false;
      try {
        if (client !== null) packet.payload = rewritten(packet.payload as Buffer, thumbprint(client));
      } catch {
        // Not a DXL message: forward it unchanged, as the real broker does.
      }
      done();
    },
  });
  mqtt.on("subscribe", (subscriptions, client) => filters.push(...subscriptions.map(({ topic }) => ({ client, topic }))));
  const forget = (gone: (entry: { client: Client; topic: string }) => boolean) => {
    for (let index = filters.length - 1; index >= 0; index--) if (gone(filters[index] as typeof filters[number])) filters.splice(index, 1);
  };
  mqtt.on("unsubscribe", (topics, client) => forget((entry) => entry.client === client && topics.includes(entry.topic)));
  mqtt.on("clientDisconnect", (client) => forget((entry) => entry.client === client));

  const server = createServer({ ...options.tls, requestCert: true, rejectUnauthorized: true, minVersion: "TLSv1.2", maxVersion: "TLSv1.2" });
  server.on("secureConnection", (socket) => mqtt.handle(socket));
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket)).on("error", () => undefined);
  });
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(options.port ?? 0, options.host ?? "127.0.0.1", resolve));

  return {
    port: (server.address() as AddressInfo).port,
    get clients() {
      return mqtt.connectedClients;
    },
    get filters() {
      return filters.map(({ topic }) => topic);
    },
    publish: (topic, message) => new Promise((resolve, reject) => {
      const payload = typeof message === "string" ? eventOf(message, brokerId) : Buffer.from(message);
      mqtt.publish({ cmd: "publish", qos: 0, dup: false, retain: false, topic, payload }, (error) => (error == null ? resolve() : reject(error)));
    }),
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      await new Promise<void>((resolve) => mqtt.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
