/** Makes a sender from the properties of a `syslog-out` node. */
import type { ConnectionOptions } from "node:tls";
import { choiceProperty, numberProperty, textProperty, type Properties } from "../common/properties";
import type { Clock } from "../common/clock";
import type { Framing } from "./framing";
import { createHeader, type HeaderForm } from "./header";
import type { Overflow, QueueLimits } from "./queue";
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
  header: { form: HeaderForm; facility: number; severity: number; hostname: string; appName: string };
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
  const number = (name: string, fallback: number, min: number, max: number) => numberProperty(properties, name, { fallback, min, max, integer: true });
  return {
    host: textProperty(properties, "host"),
    port: number("port", kind.port, 1, 65_535),
    transport: chosen,
    framing: framing === "auto" || kind.framing === "datagram" ? kind.framing : framing,
    header: {
      form: choiceProperty(properties, "header", ["rfc3164", "rfc5424", "legacy", "none"]),
      facility: number("facility", 16, 0, 23),
      severity: number("severity", 6, 0, 7),
      hostname: textProperty(properties, "hostname", ""),
      appName: textProperty(properties, "appName", "CEF"),
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

export interface Surroundings {
  clock: Clock;
  random: () => number;
  systemHostname: string;
  processId: number;
  /** Used by the transports `tls` and `relp-tls` only. */
  tls: ConnectionOptions;
}

/** The sender connects when it is started. */
export function createSender(settings: SyslogSettings, around: Surroundings, events: Pick<SenderOptions, "changed" | "outage" | "noEvidence">): Sender {
  const { host, port } = settings;
  const { clock, random, tls, systemHostname, processId } = around;
  return new Sender({
    ...settings, ...events, clock, random, acknowledgements: tcpTableOfProcess(),
    transport: KINDS[settings.transport].open({ host, port, clock }, tls),
    header: createHeader({ ...settings.header, systemHostname, processId }),
  });
}
