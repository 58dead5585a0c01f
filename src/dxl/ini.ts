/** Parses a `dxlclient.config` into its lines, for the runtime and the editor. */

export interface Entry {
  section: string;
  /** Empty for a section's line, and for a line that is neither a section nor `key=value`. */
  key: string;
  /** Without the quotes around it; the whole line if it is neither a section nor `key=value`. */
  value: string;
  /** From 1. */
  line: number;
}

export const same = (one: string, other: string) => one.toLowerCase() === other.toLowerCase();

/** All lines but empty ones and comments. Comments are whole lines: a value may contain `;` and `#`. */
export function parseIni(text: string): Entry[] {
  const entries: Entry[] = [];
  let section = "";
  for (const [index, raw] of text.replace(/^\uFEFF/, "").split(/\r\n|\r|\n/).entries()) {
    const content = raw.trim();
    if (content === "" || /^[#;]/.test(content)) continue;
    const line = index + 1;
    const header = content.startsWith("[") && content.endsWith("]") ? content.slice(1, -1).trim() : "";
    const equals = content.indexOf("=");
    if (header !== "") {
      section = header;
      entries.push({ section, key: "", value: "", line });
    } else if (equals < 1) {
      entries.push({ section, key: "", value: content, line });
    } else {
      const value = content.slice(equals + 1).trim();
      entries.push({ section, key: content.slice(0, equals).trim(), value: /^(["'])(.*)\1$/.exec(value)?.[2] ?? value, line });
    }
  }
  return entries;
}

/** The last `key` of `section` that has a value. */
export const findEntry = (entries: readonly Entry[], section: string, key: string): Entry | undefined =>
  entries.filter((entry) => same(entry.section, section) && same(entry.key, key) && entry.value !== "").pop();

/** A boolean in the words of the Python client (the JavaScript client knows `true` only); undefined for other words. */
export function truth(value: string): boolean | undefined {
  if (/^(true|yes|on|1)$/i.test(value)) return true;
  return /^(false|no|off|0)$/i.test(value) ? false : undefined;
}

/** True if the file asks for WebSockets, or has no other brokers. */
export function usesWebSockets(entries: readonly Entry[]): boolean {
  const has = (section: string) => entries.some((entry) => same(entry.section, section) && entry.key !== "");
  return truth(findEntry(entries, "General", "UseWebSockets")?.value ?? "") === true || (!has("Brokers") && has("BrokersWebSockets"));
}

/** The broker lines of a pasted file, for the property `brokers`; undefined if `text` is not such a file. */
export function brokersOf(text: string): { brokers: string; webSockets: boolean } | undefined {
  const entries = parseIni(text);
  if (!entries.some(({ section }) => /^(certs|brokers|brokerswebsockets)$/i.test(section))) return undefined;
  const webSockets = usesWebSockets(entries);
  const section = webSockets ? "BrokersWebSockets" : "Brokers";
  const lines = entries.filter((entry) => same(entry.section, section) && entry.key !== "").map(({ key, value }) => `${key}=${value}`);
  return { brokers: lines.join("\n"), webSockets };
}
