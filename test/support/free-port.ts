import { randomInt } from "node:crypto";
import { createServer } from "node:net";

/**
 * A TCP port on loopback that is free at this moment. It is below those that the system gives to outgoing connections (32768 on
 * Linux): one of them could take it while a server that is to have it is down.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    // Not Math.random, which tests replace.
    const port = randomInt(10_000, 32_000);
    const server = createServer();
    const isFree = await new Promise<boolean>((resolve) => server.once("error", () => resolve(false)).listen(port, "127.0.0.1", () => resolve(true)));
    await new Promise((resolve) => server.close(resolve));
    if (isFree) return port;
  }
}

/** Throws one sentence that says what to do, unless Node-RED can listen on `ports` on loopback. */
export async function mustBeFree(...ports: readonly number[]): Promise<void> {
  for (const port of ports) {
    if (!(Number.isInteger(port) && port > 0 && port < 65_536)) throw new Error("PORT must be a number from 1 to 65535, such as PORT=1890 npm start");
    const server = createServer();
    await new Promise<void>((resolve, reject) => server.once("error", reject).listen(port, "127.0.0.1", resolve)).catch((error: NodeJS.ErrnoException) => {
      const why = error.code === "EADDRINUSE" ? "is taken, probably by another Node-RED: stop that one" : `cannot be used (${error.code ?? error.message}): allow it`;
      throw new Error(`Port ${port} ${why}, or choose another port, such as PORT=${port < 60_000 ? port + 10 : 1890} npm start`);
    });
    await new Promise((resolve) => server.close(resolve));
  }
}
