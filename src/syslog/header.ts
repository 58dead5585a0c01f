/** The syslog header in front of each line. */
import { isIP } from "node:net";
import { isHostName, type HeaderForm } from "./header-names";

/** Of the times that say no zone: those of RFC 3164 and `legacy`. */
export type TimeZone = "local" | "UTC";

export interface HeaderOptions {
  form: HeaderForm;
  /** 0 to 23 */
  facility: number;
  /** 0 to 7 */
  severity: number;
  timeZone: TimeZone;
  /** A name that the header can hold (`isHostName`). Blank: `systemHostname`, or if the header cannot hold it, the first of `systemAddresses` that it can. */
  hostname: string;
  systemHostname: string;
  systemAddresses: readonly string[];
  /** APP-NAME of RFC 5424 (`isAppName`); the other forms carry none, because receivers read the line's own `CEF:` as the tag. */
  appName: string;
  processId: number;
}

/** The header for a line that is sent at `date` (milliseconds since 1970). */
export type HeaderSource = (date: number) => Buffer;

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

const two = (value: number) => String(value).padStart(2, "0");

/** RFC 3164 section 4.1.2: local time, English month, the day padded with a space. Many receivers read it as UTC. */
function shortTimestamp(date: number, timeZone: TimeZone): string {
  const minutes = timeZone === "UTC" ? 0 : new Date(date).getTimezoneOffset();
  const at = new Date(date - minutes * 60_000);
  return `${MONTHS[at.getUTCMonth()]} ${String(at.getUTCDate()).padStart(2)} ${two(at.getUTCHours())}:${two(at.getUTCMinutes())}:${two(at.getUTCSeconds())}`;
}

/** RFC 3164 section 4.1.2: the name of the host without its domain; an address stays whole. */
const shortName = (hostname: string) => (isIP(hostname) === 0 ? hostname.split(".", 1)[0] ?? "" : hostname);

/**
 * A source of headers. PRI is facility * 8 + severity (RFC 5424 section 6.2.1). `legacy` is the form of the ArcSight
 * documents, RFC 3164 without PRI. The RFC 5424 form has no byte order mark: receivers take it for a part of the line.
 */
export function createHeader(options: HeaderOptions): HeaderSource {
  const { form, hostname, systemHostname, systemAddresses, timeZone } = options;
  if (form === "none") {
    const empty = Buffer.alloc(0);
    return () => empty;
  }
  const ownName = form === "rfc5424" ? systemHostname : shortName(systemHostname);
  const host = hostname || ([ownName, ...systemAddresses].find((name) => isHostName(form, name)) ?? "-");
  const pri = `<${options.facility * 8 + options.severity}>`;
  if (form === "rfc5424") {
    const rest = `${host} ${options.appName} ${options.processId} CEF - `;
    return cached(1, (date) => `${pri}1 ${new Date(date).toISOString()} ${rest}`);
  }
  const start = form === "rfc3164" ? pri : "";
  return cached(1000, (date) => `${start}${shortTimestamp(date, timeZone)} ${host} `);
}

/** Makes one header for each tick of `resolution` ms: single events ask for one each. */
function cached(resolution: number, make: (date: number) => string): HeaderSource {
  let tick = NaN;
  let header = Buffer.alloc(0);
  return (date) => {
    const now = Math.floor(date / resolution);
    if (now !== tick) {
      tick = now;
      header = Buffer.from(make(date), "latin1");
    }
    return header;
  };
}
