/** The SIEM of the benches, in a process of its own: counts the lines that arrive over TCP. Datagrams are thrown away. */
import { createSocket } from "node:dgram";
import { createServer, type AddressInfo } from "node:net";

/** The first message to the parent. */
export interface SinkReady {
  port: number;
  udpPort: number;
}

/** The messages after it, whenever another tenth of as many lines as there are events has arrived. */
export interface SinkReport {
  /** Since the start, in all connections. */
  lines: number;
  bytes: number;
  /** Epoch ms. */
  at: number;
}

const LF = 0x0a;
const events = Number(process.argv[2]);
let lines = 0;
let bytes = 0;
let reported = 0;

function report(): void {
  if (Math.floor((lines * 10) / events) === Math.floor((reported * 10) / events)) return;
  reported = lines;
  process.send?.({ lines, bytes, at: Date.now() } satisfies SinkReport);
}

const server = createServer((socket) => {
  socket.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    for (let at = chunk.indexOf(LF); at >= 0; at = chunk.indexOf(LF, at + 1)) lines += 1;
    report();
  });
  socket.on("error", () => socket.destroy());
});
const datagrams = createSocket({ type: "udp4", recvBufferSize: 8 * 1024 * 1024 });
datagrams.on("message", () => undefined);
server.listen(0, "127.0.0.1", () => datagrams.bind(0, "127.0.0.1", () => {
  process.send?.({ port: (server.address() as AddressInfo).port, udpPort: datagrams.address().port } satisfies SinkReady);
}));
process.once("disconnect", () => process.exit());
