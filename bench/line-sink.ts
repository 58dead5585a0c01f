/** The SIEM of the flow bench, in a process of its own: counts the lines that arrive over TCP. */
import { createServer, type AddressInfo } from "node:net";

/** The first message to the parent. */
export interface SinkReady {
  port: number;
}

/** The messages after it, whenever another tenth of the events is there, and at the end. */
export interface SinkReport {
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

const server = createServer((socket) => {
  socket.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    for (let at = chunk.indexOf(LF); at >= 0; at = chunk.indexOf(LF, at + 1)) lines += 1;
    if (Math.floor((lines * 10) / events) === Math.floor((reported * 10) / events)) return;
    reported = lines;
    process.send?.({ lines, bytes, at: Date.now() } satisfies SinkReport);
  });
  socket.on("error", () => socket.destroy());
});
server.listen(0, "127.0.0.1", () => {
  process.send?.({ port: (server.address() as AddressInfo).port } satisfies SinkReady);
});
process.once("disconnect", () => process.exit());
