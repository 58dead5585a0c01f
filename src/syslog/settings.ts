/** Makes a sender from the properties of a `syslog-out` node. */
import type { ConnectionOptions } from "node:tls";
import { socketHost } from "../common/host";
import { Border, plain } from "../common/border";
import { tlsSecrets, withoutSecrets } from "../common/secrets";
import { addressProperty, choiceProperty, numberProperty, type Properties } from "../common/properties";
import type { Clock } from "../common/clock";
import { syslogError } from "./errors";
import type { Framing } from "./framing";
import { createHeader, type HeaderOptions } from "./header";
import { isHost } from "./host";
import { isAppName, isHostName, type HeaderForm } from "./header-names";
import type { Overflow, QueueLimits } from "../delivery/queue";
import { relpTlsTransport, relpTransport } from "./relp";
import { Sender, type SenderOptions } from "./sender";
import { tcpTableOfProcess } from "./tcp-table";
import { tcpTransport, tlsTransport, udpTransport, type Target, type Transport } from "./transport";

export type TransportName = "tcp" | "tls" | "udp" | "relp" | "relp-tls";

/** Whether the transport needs the options of a TLS configuration. */
export const usesTls = (transport: TransportName) => transport === "tls" || transport === "relp-tls";

export interface SyslogSettings {
  host: string;
  port: number;
  transport: TransportName;
  framing: Framing;
  header: Omit<HeaderOptions, "systemHostname" | "systemAddresses" | "processId">;
  maxBytes: number;
  limits: QueueLimits;
  /** Milliseconds; TCP and TLS. */
  resendWindow: number;
  /** Milliseconds; TCP and TLS. */
  confirmDelay: number;
}

/** Most bytes in an IPv4 datagram (RFC 5426 section 3.2). */
const MAX_DATAGRAM = 65_507;

interface Kind {
  port: number;
  framing: Framing;
  open(target: Target, tls: ConnectionOptions): Transport;
}

/**
 * Ports: RFC 5426 section 3.3, RFC 6587 section 3.2, RFC 5425 section 4.1; RELP has none of its own, and rsyslog's
 * documentation of imrelp uses 2514. Receivers of plain TCP expect line feeds, RFC 5425 prescribes octet counting.
 */
const KINDS: Record<TransportName, Kind> = {
  tcp: { port: 514, framing: "lf", open: tcpTransport },
  tls: { port: 6514, framing: "octet", open: tlsTransport },
  udp: { port: 514, framing: "datagram", open: udpTransport },
  relp: { port: 2514, framing: "datagram", open: relpTransport },
  "relp-tls": { port: 2514, framing: "datagram", open: relpTlsTransport },
};

/** Reads the properties; throws a SiemError that names the wrong one. */
export function readSettings(properties: Properties): SyslogSettings {
  const chosen = choiceProperty(properties, "transport", ["tcp", "tls", "udp", "relp", "relp-tls"]);
  const kind = KINDS[chosen];
  const framing = choiceProperty(properties, "framing", ["auto", "lf", "octet"]);
  const form = choiceProperty(properties, "header", ["rfc3164", "rfc5424", "legacy", "none"]);
  const number = (name: string, fallback: number, min: number, max: number) => numberProperty(properties, name, { fallback, min, max, integer: true });
  return {
    host: hostOf(properties),
    port: number("port", kind.port, 1, 65_535),
    transport: chosen,
    framing: framing === "auto" || kind.framing === "datagram" ? kind.framing : framing,
    header: {
      form,
      facility: number("facility", 16, 0, 23),
      severity: number("severity", 6, 0, 7),
      timeZone: choiceProperty(properties, "timeZone", ["local", "UTC"]),
      ...namesOf(properties, form),
    },
    maxBytes: Math.min(number("maxBytes", 8192, 480, 1_048_576), chosen === "udp" ? MAX_DATAGRAM : Infinity),
    limits: {
      events: number("queueEvents", 100_000, 1, 10_000_000),
      bytes: number("queueBytes", 64 * 1024 * 1024, 1024, 4 * 1024 ** 3),
      overflow: choiceProperty<Overflow>(properties, "overflow", ["refuse", "drop-oldest", "drop-newest"]),
    },
    resendWindow: numberProperty(properties, "resendWindow", { fallback: 5, min: 0, max: 3600 }) * 1000,
    confirmDelay: number("confirmDelay", 100, 0, 60_000),
  };
}

function hostOf(properties: Properties): string {
  const host = addressProperty(properties, "host");
  if (!isHost(host)) throw syslogError("HOST_INVALID", plain.params({ value: host }), { permanent: true });
  return socketHost(host);
}

/** Only those that the header holds are checked: the dialog does not show the others. */
function namesOf(properties: Properties, form: HeaderForm): { hostname: string; appName: string } {
  const hostname = addressProperty(properties, "hostname", "");
  const appName = addressProperty(properties, "appName", "CEF");
  const refuse = (code: "HOST_NAME" | "HOST_NAME_PRINTABLE" | "APP_NAME", value: string) => {
    throw syslogError(code, plain.params({ value }), { permanent: true });
  };
  if (form !== "none" && hostname !== "" && !isHostName(form, hostname)) refuse(form === "rfc5424" ? "HOST_NAME_PRINTABLE" : "HOST_NAME", hostname);
  if (form === "rfc5424" && !isAppName(appName)) refuse("APP_NAME", appName);
  return { hostname, appName };
}

export interface Surroundings {
  clock: Clock;
  random: () => number;
  systemHostname: string;
  systemAddresses: readonly string[];
  processId: number;
  /** Milliseconds to connect in; the transport's own by default. */
  patience?: number;
  /** Used by the transports `tls` and `relp-tls` only. */
  tls: ConnectionOptions;
}

/** The sender connects when it is started. */
export function createSender(settings: SyslogSettings, around: Surroundings, events: Pick<SenderOptions, "changed" | "outage" | "noEvidence">): Sender {
  const { host, port } = settings;
  const { clock, random, tls, systemHostname, systemAddresses, processId, patience } = around;
  const border = new Border(withoutSecrets(() => tlsSecrets(tls)));
  return new Sender({
    ...settings, ...events, clock, random, border, acknowledgements: tcpTableOfProcess(),
    transport: KINDS[settings.transport].open({ host, port, clock, border, ...(patience === undefined ? {} : { patience }) }, tls),
    header: createHeader({ ...settings.header, systemHostname, systemAddresses, processId }),
  });
}
