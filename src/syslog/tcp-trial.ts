/** Shows that a system tells what a peer has not acknowledged: some sandboxes have a table of sockets whose queues are empty. */
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { endsOf, type Ends } from "./transport";

/** Together far more than a receiver takes that does not read (man 7 tcp: tcp_rmem); the rest waits in our queue. */
const WRITES = 128;
const WRITE_BYTES = 64 * 1024;
const READINGS = 5;
const PATIENCE = 5000;

/** True if `missing` gives more than 0 for a connection on loopback whose other side does not read. */
export async function queueIsShown(missing: (ends: Ends) => Promise<number | undefined>): Promise<boolean> {
  const signal = AbortSignal.timeout(PATIENCE);
  const sockets: Socket[] = [];
  const added = (socket: Socket) => {
    sockets.push(socket.on("error", () => undefined));
    return socket;
  };
  const server = createServer({ pauseOnConnect: true }, added).listen(0, "127.0.0.1");
  try {
    await once(server, "listening", { signal });
    const client = added(connect((server.address() as AddressInfo).port, "127.0.0.1"));
    await Promise.all([once(client, "connect", { signal }), once(server, "connection", { signal })]);
    const bytes = Buffer.alloc(WRITE_BYTES);
    for (let n = 0; n < WRITES; n++) client.write(bytes);
    const ends = endsOf(client);
    for (let n = 0; n < READINGS && ends !== undefined; n++) {
      if (((await missing(ends)) ?? 0) > 0) return true;
    }
    return false;
  } finally {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
}
