/**
 * The embedded DXL broker: MQTT 3.1.1 over TLS 1.2 with client certificates, and every message rewritten as the OpenDXL
 * broker 6.0 does it: version 3, sender ids from the client certificate, all texts and the payload of MessagePack's old
 * raw type. A message with a binary payload it cannot read, and forwards as it came (`messageImpl.cpp`, `unpackRaw`).
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
  /** 0 (the default) takes a free one. */
  port?: number;
  /** PEM text; `ca` verifies the clients. */
  tls: { key: string; cert: string; ca: string };
}

export interface DxlBroker {
  readonly port: number;
  /** Clients that are connected. */
  readonly clients: number;
  /** The filters that clients have subscribed to, one entry for each client and filter. */
  readonly filters: readonly string[];
  /** Sends an event of another client of the fabric. Text becomes the payload of an event; bytes go out as they are. */
  publish(topic: string, message: string | Uint8Array): Promise<void>;
  /** Ends all connections and stops listening. */
  close(): Promise<void>;
}

/** Stands for the ePO server, which publishes through the fabric. */
const OTHER_CLIENT = "e90".padEnd(40, "0");

/** The lower-case SHA-1 thumbprint of the client's certificate: its id on the fabric. */
function thumbprint(client: Client): string {
  return (client.conn as TLSSocket).getPeerCertificate().fingerprint.replaceAll(":", "").toLowerCase();
}

/** An event of a client that is not there. */
function eventOf(payload: string, sourceBrokerId: string): Buffer {
  return encodeEvent({ messageId: `{${randomUUID()}}`, sourceClientId: OTHER_CLIENT, sourceBrokerId, payload, otherFields: { "dxl.certs": OTHER_CLIENT } });
}

/** True if the payload is MessagePack's bin, in the shortest form, as clients write it. */
function hasBinaryPayload(bytes: Buffer): boolean {
  const reader = new MessagePackReader(bytes);
  for (let field = 0; field < 2; field++) reader.integer();
  for (let field = 0; field < 3; field++) reader.text();
  for (let field = 0; field < 2; field++) for (let left = reader.arrayLength(); left > 0; left--) reader.text();
  const payload = reader.raw();
  const [type, lengthBytes] = payload.length < 0x100 ? [0xc4, 1] : payload.length < 0x10000 ? [0xc5, 2] : [0xc6, 4];
  return bytes[payload.byteOffset - bytes.byteOffset - lengthBytes - 1] === type;
}

/**
 * Listens for clients whose certificates `tls.ca` verifies. Throws what `listen` throws, such as EADDRINUSE.
 */
export async function startDxlBroker(options: DxlBrokerOptions): Promise<DxlBroker> {
  const brokerId = randomUUID();
  const filters: { client: Client; topic: string }[] = [];
  const sockets = new Set<Socket>();

  /** The bytes that subscribers get for what a client with the certificate `sourceClientId` published. */
  const rewritten = (bytes: Buffer, sourceClientId: string): Buffer => {
    const message = decodeMessage(bytes);
    if (hasBinaryPayload(bytes)) return bytes;
    return encodeEvent({
      ...message,
      version: 3,
      sourceClientId,
      sourceBrokerId: brokerId,
      clientIds: [],
      // Only inserted if absent: a publisher that sets the key keeps its own value.
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
        // Forwarded as it came, as the real one does.
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
