/** "Send a test message": sends one line over the real transport and says what is known about its arrival. */
import { randomBytes } from "node:crypto";
import { plain } from "../common/border";
import { SiemError } from "../common/errors";
import { FailedStep, type Step } from "../common/dialog-step";
import { VERSION } from "../common/version";
import { syslogError, type SyslogErrorCode } from "./errors";
import { createHeader } from "./header";
import { createSender, type Surroundings, type SyslogSettings } from "./settings";

export interface TestMessage {
  /** Header and line, without framing. */
  sent: string;
  /** `externalId` of the line, to find it in the SIEM. */
  id: string;
  /** What delivery means: `relp` the server acknowledged the line, `tcp` the connection held, `udp` it was sent. */
  known: "relp" | "tcp" | "udp";
  /** The line was longer than `maxBytes` and was cut. */
  shortened: boolean;
}

const STEPS: Partial<Record<SyslogErrorCode, Step>> = {
  HOST_UNKNOWN: "name",
  CONNECTION_REFUSED: "connection", NO_ANSWER: "connection", CONNECTION_LOST: "connection", SERVER_CLOSED: "connection", SIEM_SILENT: "connection", LINK_FAILED: "connection",
  TLS_WRONG_NAME: "tls", TLS_UNKNOWN_CA: "tls", TLS_EXPIRED: "tls", TLS_NOT_SPOKEN: "tls", TLS_FAILED: "tls",
  TLS_CLIENT_CERTIFICATE: "signIn",
  RELP_NOT_SPOKEN: "protocol", RELP_REFUSED: "protocol", RELP_NO_SYSLOG: "protocol", RELP_GARBLED: "protocol",
};

/** The step of the dialog's test at which sending failed. */
export function syslogStep(error: unknown): Step {
  if (!(error instanceof SiemError)) return "answer";
  return STEPS[error.code as SyslogErrorCode] ?? (error.key.startsWith("common.") ? "settings" : "answer");
}

const GOODBYE_MS = 1000;

const testLine = (id: string): string =>
  `CEF:0|Node-RED|node-red-siem|${VERSION}|test|Test message|0|externalId=${id} msg=Test message of the syslog-out node. Nothing happened.`;

/**
 * Sends one line over a connection of its own, with the `settings` of the node, within `timeoutMs`. Throws a FailedStep
 * with the first error; nothing is tried twice.
 */
export async function sendTestMessage(settings: SyslogSettings, around: Surroundings, timeoutMs: number): Promise<TestMessage> {
  const id = `test-${randomBytes(4).toString("hex")}`;
  const line = testLine(id);
  const date = around.clock.date();
  // The clock stands still, so that the dialog shows the header that was sent.
  const clock = { ...around.clock, date: () => date };
  let cancel = () => {};
  let close = async () => {};
  const outcome = new Promise<{ shortened: boolean }>((resolve, reject) => {
    const fail = (error: SiemError) => reject(new FailedStep(syslogStep(error), error));
    cancel = around.clock.after(timeoutMs, () => fail(syslogError("NO_ANSWER", plain.params({ host: settings.host, port: settings.port }))));
    const sender = createSender(settings, { ...around, clock, patience: timeoutMs / 2 }, { changed: () => undefined, outage: fail });
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
    const { systemHostname, systemAddresses, processId } = around;
    const header = createHeader({ ...settings.header, systemHostname, systemAddresses, processId })(date);
    const sent = Buffer.concat([header, Buffer.from(line)]).subarray(0, shortened ? settings.maxBytes : undefined).toString();
    const { transport } = settings;
    return { sent, id, shortened, known: transport === "udp" ? "udp" : transport === "relp" || transport === "relp-tls" ? "relp" : "tcp" };
  } finally {
    cancel();
    await close();
  }
}
