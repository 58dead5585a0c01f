/**
 * RELP: syslog over a byte stream with an answer to each message (specification: librelp, doc/relp.md, version 0.0.1).
 * A message without an answer when the session ends is not delivered; the sender writes it again in the next session.
 */
import type { ConnectionOptions } from "node:tls";
import { syslogError } from "./errors";
import type { Frames } from "./framing";
import { FrameReader, nextTxnr, readAnswer, type RelpAnswer, type RelpFrame } from "./relp-frames";
import { plain } from "../common/border";
import { tcpTransport, tlsTransport, type Link, type LinkListener, type Target, type Transport, type WriteReport } from "./transport";

export interface RelpTarget extends Target {
  /** Milliseconds without an answer, while one is due, until the session is given up. */
  answerPatience?: number;
  /** The number of the first command; the specification says 1. */
  firstTxnr?: number;
}

/** Most messages that wait for an answer, as in librelp (its client's default window). */
export const WINDOW = 128;
const ANSWER_PATIENCE = 90_000;
/** Milliseconds to connect and to get the answer to `open`. */
const OPEN_PATIENCE = 30_000;
/** Version 0 is what all known peers speak; the specification's 1 was never used. */
const OFFERS = Buffer.from("relp_version=0\nrelp_software=@security-events/node-red-siem\ncommands=syslog");
const NOTHING = Buffer.alloc(0);
const ACCEPTED = 200;

export const relpTransport = (target: RelpTarget): Transport => overStream(tcpTransport(target), target);

/** TLS below RELP, as librelp has it; `starttls` of the specification is not in use. */
export const relpTlsTransport = (target: RelpTarget, options: ConnectionOptions): Transport => overStream(tlsTransport(target, options), target);

/** A refused message is cut to the sizes that every receiver should and must take (RFC 5424 section 6.1). */
const overStream = (stream: Transport, target: RelpTarget): Transport => ({
  connect: (listener) => new RelpLink(stream, target, listener),
  maxFrames: WINDOW,
  maxBytes: stream.maxBytes,
  stream: false,
  shorterSizes: [2048, 480],
});

type State = "connecting" | "opening" | "open" | "closing" | "gone";

/** For writes whose outcome does not matter: only answers to messages count. */
const UNHEARD: WriteReport = { handedOver: () => undefined, refused: () => undefined };
const TRAILER = Buffer.from("\n");

class RelpLink implements Link {
  private state: State = "connecting";
  private readonly stream: Link;
  private readonly reader = new FrameReader();
  /** The number of the next command. */
  private next: number;
  /** Commands by number, oldest first: those without an answer, and those behind one without an answer. */
  private readonly sent = new Map<number, { report: WriteReport; answer: RelpAnswer | undefined }>();
  /** Writes that are not sent whole, because the window is full: their frames from the index `next` on wait. */
  private readonly unsent: (Frames & { next: number; report: WriteReport })[] = [];
  private streamFull = false;
  private draining = false;
  private answeredAt = 0;
  private cancelWatch: (() => void) | undefined;

  constructor(stream: Transport, private readonly target: RelpTarget, private readonly listener: LinkListener) {
    this.next = target.firstTxnr ?? 1;
    this.stream = stream.connect({
      ready: () => {
        this.state = "opening";
        this.send(this.command("open", OFFERS, UNHEARD));
      },
      drain: () => {
        this.streamFull = false;
        this.drain();
      },
      closed: (error) => this.lose(error),
      data: (bytes) => this.read(bytes),
    });
  }

  write({ bytes, ends }: Frames, report: WriteReport): boolean {
    this.unsent.push({ bytes, ends, next: 0, report });
    this.fillWindow();
    this.draining = this.streamFull || this.unsent.length > 0;
    return !this.draining;
  }

  end(): void {
    if (this.state !== "open") return this.stream.end();
    this.state = "closing";
    const answered = () => this.stream.end();
    this.send(this.command("close", NOTHING, { handedOver: answered, refused: answered }));
  }

  destroy(): void {
    this.state = "gone";
    this.cancelWatch?.();
    this.stream.destroy();
  }

  /** The next command, in pieces. */
  private command(name: string, data: Buffer, report: WriteReport): Buffer[] {
    if (this.sent.size === 0) this.answeredAt = this.target.clock.now();
    this.sent.set(this.next, { report, answer: undefined });
    if (this.cancelWatch === undefined) this.watch(this.allowed);
    const header = `${this.next} ${name} ${data.length}${data.length > 0 ? " " : ""}`;
    this.next = nextTxnr(this.next);
    return [Buffer.from(header, "latin1"), data, TRAILER];
  }

  private send(parts: readonly Buffer[]): void {
    this.streamFull = !this.stream.write({ bytes: Buffer.concat(parts), ends: [] }, UNHEARD);
  }

  /**
   * Sends as many messages as the window has room for, in one write, whenever answers came and not only when half the
   * window is free: the next message carries our kernel's acknowledgement, and the server's kernel waits for that before
   * it sends further answers (Nagle and delayed acknowledgements: a window took 40 ms).
   */
  private fillWindow(): void {
    const parts: Buffer[] = [];
    if (this.streamFull || this.state !== "open") return;
    for (let write = this.unsent[0]; write !== undefined && this.sent.size < WINDOW; write = this.unsent[0]) {
      const { bytes, ends, report } = write;
      for (; write.next < ends.length && this.sent.size < WINDOW; write.next++) {
        parts.push(...this.command("syslog", bytes.subarray(ends[write.next - 1] ?? 0, ends[write.next]), report));
      }
      if (write.next === ends.length) this.unsent.shift();
    }
    if (parts.length > 0) this.send(parts);
  }

  /** Milliseconds in which the next answer must come. */
  private get allowed(): number {
    const { answerPatience = ANSWER_PATIENCE, patience = OPEN_PATIENCE } = this.target;
    return this.state === "opening" ? patience : answerPatience;
  }

  /** Checks after `delay` ms whether an answer is overdue, and again as long as any is due; one timer at a time. */
  private watch(delay: number): void {
    const { clock, host, port } = this.target;
    this.cancelWatch = clock.after(delay, () => {
      this.cancelWatch = undefined;
      if (this.sent.size === 0) return;
      const left = this.answeredAt + this.allowed - clock.now();
      if (left > 0) this.watch(left);
      else this.lose(syslogError(this.state === "opening" ? "RELP_NOT_SPOKEN" : "RELP_NO_ANSWER", plain.params({ host, port, seconds: Math.round(this.allowed / 1000) })));
    });
  }

  private read(bytes: Buffer): void {
    const { clock, host, port } = this.target;
    this.answeredAt = clock.now();
    let understood = true;
    let serverClosed = false;
    const readable = this.reader.read(bytes, (frame) => {
      if (frame.txnr === 0) serverClosed ||= frame.command === "serverclose";
      else if (understood && this.state !== "gone") understood = this.take(frame);
    });
    this.report();
    if (!readable || !understood) this.lose(syslogError(this.state === "opening" ? "RELP_NOT_SPOKEN" : "RELP_GARBLED", plain.params({ host, port })));
    else if (serverClosed) this.lose();
    else this.drain();
  }

  /** False if the frame makes no sense here. */
  private take({ txnr, command, data }: RelpFrame): boolean {
    const answer = command === "rsp" ? readAnswer(data) : undefined;
    const sent = this.sent.get(txnr);
    if (answer === undefined || sent === undefined || sent.answer !== undefined) return false;
    sent.answer = answer;
    if (this.state === "opening") this.opened(answer);
    return true;
  }

  private opened({ code, text, offers }: RelpAnswer): void {
    const { host, port, border = plain } = this.target;
    const commands = offers.find((offer) => offer.startsWith("commands="))?.slice("commands=".length).split(",");
    if (code !== ACCEPTED) this.lose(syslogError("RELP_REFUSED", border.params({ host, port, reason: text || code }), { permanent: true }));
    else if (commands?.includes("syslog") !== true) this.lose(syslogError("RELP_NO_SYSLOG", plain.params({ host, port }), { permanent: true }));
    else {
      this.state = "open";
      // The timer runs for the answer to `open`; answers to messages may take longer.
      this.cancelWatch?.();
      this.cancelWatch = undefined;
      this.listener.ready();
    }
  }

  /**
   * Reports the answers up to the first one that is missing. The specification asks for answers in the order of the
   * commands, but also allows any order.
   */
  private report(): void {
    const { host, border = plain } = this.target;
    let accepted = 0;
    let last = UNHEARD;
    const reportAccepted = () => {
      if (accepted > 0) last.handedOver(accepted);
      accepted = 0;
    };
    for (const [txnr, { report, answer }] of this.sent) {
      if (answer === undefined) break;
      this.sent.delete(txnr);
      if (report !== last || answer.code !== ACCEPTED) reportAccepted();
      last = report;
      if (answer.code === ACCEPTED) accepted += 1;
      else report.refused(syslogError("LINE_REFUSED", border.params({ host, reason: answer.text || answer.code })));
    }
    reportAccepted();
  }

  private drain(): void {
    this.fillWindow();
    if (!this.draining || this.streamFull || this.unsent.length > 0) return;
    this.draining = false;
    this.listener.drain();
  }

  private lose(error?: Error): void {
    if (this.state === "gone") return;
    this.destroy();
    this.listener.closed(error);
  }
}
