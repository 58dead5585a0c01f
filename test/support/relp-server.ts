/** A RELP server that a test controls, including violations of the protocol (specification: librelp, doc/relp.md). */
import { createServer, type Server, type Socket } from "node:net";

export interface RelpCommand {
  txnr: number;
  command: string;
  data: string;
}

/** One connection of a client. */
export class RelpSession {
  /** Every command of the client, in order. */
  readonly commands: RelpCommand[] = [];
  private input = Buffer.alloc(0);

  /** `number` is 1 for the first session. */
  constructor(readonly number: number, private readonly socket: Socket, private readonly script: (command: RelpCommand, session: RelpSession) => void) {
    socket.on("error", () => undefined).on("data", (data) => this.take(data));
  }

  get syslog(): RelpCommand[] {
    return this.commands.filter(({ command }) => command === "syslog");
  }

  /** Answers a command; `answer` is the complete data of the `rsp`. */
  answer(txnr: number, answer = "200 OK"): void {
    this.raw(`${txnr} rsp ${Buffer.byteLength(answer)} ${answer}\n`);
  }

  raw(bytes: string | Buffer): void {
    this.socket.write(bytes);
  }

  pause(): void {
    this.socket.pause();
  }

  /** Ends the session with `serverclose`, by closing the connection, or with a reset. */
  end(how: "serverclose" | "end" | "reset"): void {
    if (how === "serverclose") this.raw("0 serverclose 0\n");
    if (how === "reset") this.socket.resetAndDestroy();
    else this.socket.end();
  }

  private take(data: Buffer): void {
    this.input = Buffer.concat([this.input, data]);
    for (;;) {
      const header = /^(\d{1,9}) ([a-zA-Z]{1,32}) (\d{1,9})([ \n])/.exec(this.input.toString("latin1", 0, 64));
      if (header === null) {
        if (this.input.length >= 64) throw new Error(`the client sent no RELP: ${this.input.toString("latin1", 0, 64)}`);
        return;
      }
      const [whole, txnr, command = "", length] = header;
      const size = Number(length);
      const start = size > 0 ? whole.length : whole.length - 1;
      if (this.input.length < start + size + 1) return;
      if (this.input[start + size] !== 10) throw new Error(`frame ${txnr} of the client has no line feed at its end`);
      const received = { txnr: Number(txnr), command, data: this.input.toString("utf8", start, start + size) };
      this.input = this.input.subarray(start + size + 1);
      this.commands.push(received);
      this.script(received, this);
    }
  }
}

/** Answers a command as a correct server does. */
export function soundAnswer({ txnr, command }: RelpCommand, session: RelpSession): void {
  if (command === "open") session.answer(txnr, "200 OK\nrelp_version=0\nrelp_software=test\ncommands=syslog");
  else session.answer(txnr);
  if (command === "close") session.end("serverclose");
}

export class RelpServer {
  readonly sessions: RelpSession[] = [];
  port = 0;
  private readonly sockets: Socket[] = [];
  private readonly server: Server;

  /** `script` gets each command and decides whether and how to answer. */
  constructor(private readonly script: (command: RelpCommand, session: RelpSession) => void = soundAnswer) {
    this.server = createServer((socket) => {
      this.sockets.push(socket);
      socket.setNoDelay(true);
      this.sessions.push(new RelpSession(this.sessions.length + 1, socket, this.script));
    });
  }

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.server.listen(this.port, "127.0.0.1", resolve));
    this.port = (this.server.address() as { port: number }).port;
    return this;
  }

  async stop(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
