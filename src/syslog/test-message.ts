/** "Send a test message": one line over the real transport, and what is known of its arrival. */
import { randomBytes } from "node:crypto";
import { SiemError } from "../common/errors";
import { FailedStep, type Step } from "../common/dialog-step";
import { VERSION } from "../common/version";
import { syslogError, type SyslogErrorCode } from "./errors";
import { createHeader } from "./header";
import { createSender, type Surroundings, type SyslogSettings } from "./settings";

export interface TestMessage {
  /** Header and line, without framing. */
  sent: string;
  /** What stands in the line as `externalId`, to find it in the SIEM. */
  id: string;
  /** How much the transport tells: `relp` the server's acknowledgement, `tcp` that the connection held, `udp` nothing. */
  known: "relp" | "tcp" | "udp";
  /** It was over the longest message and was cut. */
  shortened: boolean;
}

const STEPS: Partial<Record<SyslogErrorCode, Step>> = {
  HOST_UNKNOWN: "name",
  CONNECTION_REFUSED: "connection", NO_ANSWER: "connection", CONNECTION_LOST: "connection", SERVER_CLOSED: "connection", SERVER_STALLED: "connection", LINK_FAILED: "connection",
  TLS_WRONG_NAME: "tls", TLS_UNKNOWN_CA: "tls", TLS_EXPIRED: "tls", TLS_NOT_SPOKEN: "tls", TLS_FAILED: "tls",
  TLS_CLIENT_CERTIFICATE: "signIn",
  RELP_NOT_SPOKEN: "protocol", RELP_REFUSED: "protocol", RELP_NO_SYSLOG: "protocol", RELP_GARBLED: "protocol",
};

/** The step at which sending failed. */
export function syslogStep(error: unknown): Step {
  if (!(error instanceof SiemError)) return "answer";
  return STEPS[error.code as SyslogErrorCode] ?? (error.key.startsWith("common.") ? "settings" : "answer");
}

const GOODBYE_MS = 1000;

const testLine = (id: string): string =>
  `CEF:0|Node-RED|node-red-siem|${VERSION}|test|Test message|0|externalId=${id} msg=Test message of the syslog-out node. Nothing happened.`;

/**
 * Sends one line as `settings` say, over a connection of its own that is closed again. `timeoutMs` is for all of it.
 * Throws a FailedStep with the first error; nothing is tried twice.
 */
export async function sendTestMessage(settings: SyslogSettings, around: Surroundings, timeoutMs: number): Promise<TestMessage> {
  const id = `test-${randomBytes(4).toString("hex")}`;
  const line = testLine(id);
  const date = around.clock.date();
  // The clock stands still, so that what is shown is what was sent.
  const clock = { ...around.clock, date: () => date };
  let cancel = () => {};
  let close = async () => {};
  const outcome = new Promise<{ shortened: boolean }>((resolve, reject) => {
    const fail = (error: SiemError) => reject(new FailedStep(syslogStep(error), error));
    cancel = around.clock.after(timeoutMs, () => fail(syslogError("NO_ANSWER", { host: settings.host, port: settings.port })));
    const sender = createSender(settings, { ...around, clock }, { changed: () => undefined, outage: fail });
    close = () => sender.close(GOODBYE_MS);
    sender.start();
    sender.push([line], (error, { shortened, undeliverable }) => {
      const failed = error ?? undeliverable[0]?.reason;
      if (failed === undefined) resolve({ shortened: shortened > 0 });
      else fail(failed);
    });
  });
  try {
    const { shortened } = await outcome;
    const header = createHeader({ ...settings.header, systemHostname: around.systemHostname, processId: around.processId })(date);
    const sent = Buffer.concat([header, Buffer.from(line)]).subarray(0, shortened ? settings.maxBytes : undefined).toString();
    const { transport } = settings;
    return { sent, id, shortened, known: transport === "udp" ? "udp" : transport === "relp" || transport === "relp-tls" ? "relp" : "tcp" };
  } finally {
    cancel();
    await close();
  }
}
