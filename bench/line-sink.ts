/** The SIEM of the benches, a separate process: counts the lines that arrive over TCP and discards datagrams. */
import { createSocket } from "node:dgram";
import { createServer, Socket, type AddressInfo, type SocketConstructorOpts } from "node:net";

/** The first message to the parent. */
export interface SinkReady {
  port: number;
  udpPort: number;
}

/** The following messages, after each tenth of the lines. */
export interface SinkReport {
  /** Since the start, over all connections. */
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

/** All reads reuse this memory: with new memory for each read, the sink would limit the measured rate. */
const memory = Buffer.alloc(256 * 1024);

function count(length: number): boolean {
  bytes += length;
  for (let at = memory.indexOf(LF); at >= 0 && at < length; at = memory.indexOf(LF, at + 1)) lines += 1;
  report();
  return true;
}

// Only a socket with the option `onread` reuses memory. A server cannot set it, so its handle goes to a new socket.
const server = createServer({ pauseOnConnect: true }, (accepted: Socket & { _handle?: unknown }) => {
  const options = { handle: accepted._handle, onread: { buffer: memory, callback: count } };
  accepted._handle = null;
  const socket = new Socket(options as SocketConstructorOpts);
  socket.on("error", () => socket.destroy());
  socket.resume();
});
const datagrams = createSocket({ type: "udp4", recvBufferSize: 8 * 1024 * 1024 });
datagrams.on("message", () => undefined);
server.listen(0, "127.0.0.1", () => datagrams.bind(0, "127.0.0.1", () => {
  process.send?.({ port: (server.address() as AddressInfo).port, udpPort: datagrams.address().port } satisfies SinkReady);
}));
process.once("disconnect", () => process.exit());
