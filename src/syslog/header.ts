/** The syslog header in front of each line. */
import { isIP } from "node:net";

export type HeaderForm = "rfc3164" | "rfc5424" | "legacy" | "none";

export interface HeaderOptions {
  form: HeaderForm;
  /** 0 to 23 */
  facility: number;
  /** 0 to 7 */
  severity: number;
  /** Blank: `systemHostname`. */
  hostname: string;
  systemHostname: string;
  /** APP-NAME of RFC 5424; the other forms carry none, because receivers read the line's own `CEF:` as the tag. */
  appName: string;
  processId: number;
}

/** The header for a line that is sent at `date` (milliseconds since 1970). */
export type HeaderSource = (date: number) => Buffer;

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

const two = (value: number) => String(value).padStart(2, "0");

/** RFC 3164 section 4.1.2: local time, English month, the day padded with a space. */
function localTimestamp(date: number): string {
  const at = new Date(date);
  return `${MONTHS[at.getMonth()]} ${String(at.getDate()).padStart(2)} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

/** RFC 5424 section 6: PRINTUSASCII without spaces, at most `limit` characters, or the NILVALUE. */
const printable = (text: string, limit: number) => text.replace(/[^\x21-\x7e]/g, "").slice(0, limit) || "-";

/** RFC 3164 section 4.1.2: the name of the host without its domain; an address stays whole. */
const shortName = (hostname: string) => (isIP(hostname) === 0 ? hostname.split(".", 1)[0] ?? "" : hostname);

/**
 * A source of headers. PRI is facility * 8 + severity (RFC 5424 section 6.2.1). `legacy` is the form of the ArcSight
 * documents, RFC 3164 without PRI. The RFC 5424 form has no byte order mark: receivers take it for a part of the line.
 */
export function createHeader(options: HeaderOptions): HeaderSource {
  const { form, systemHostname } = options;
  if (form === "none") {
    const empty = Buffer.alloc(0);
    return () => empty;
  }
  const pri = `<${options.facility * 8 + options.severity}>`;
  if (form === "rfc5424") {
    const rest = [
      printable(options.hostname || systemHostname, 255),
      printable(options.appName, 48),
      printable(String(options.processId), 128),
      "CEF",
      "- ",
    ].join(" ");
    return cached(1, (date) => `${pri}1 ${new Date(date).toISOString()} ${rest}`);
  }
  const host = printable(options.hostname || shortName(systemHostname), 255);
  const start = form === "rfc3164" ? pri : "";
  return cached(1000, (date) => `${start}${localTimestamp(date)} ${host} `);
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
