/**
 * Objects become the bytes of CEF lines: ours against straight-line code and npm `cef`.
 * `npm run bench -- format [--rounds N] [--events N]`
 */
import type * as encoder from "../src/cef/encoder";
import type * as index from "../src/cef/mappings";
import { eventV1, eventWriter } from "./events";
import { parseOptions, type Row } from "./report";
import { built, compare, peer, perSecond } from "./rounds";
import { straightLine } from "./straight-line";

interface CefPackage {
  Logger: new (config: object) => { formatter: { format(params: object): string } };
}

type Event = Record<string, unknown>;

/** What npm `cef` can say of an event: the ten keys that it knows; it refuses the others. */
function forPackage(event: Event): object {
  const text = (name: string) => (typeof event[name] === "string" ? (event[name]) : undefined);
  const extensions: Record<string, string | number> = { fname: String(event["fileName"]), fsize: Number(event["fileSize"]) };
  const add = (key: string, value: string | number | undefined) => {
    if (value !== undefined) extensions[key] = value;
  };
  add("end", Date.parse(String(event["eventTimestamp"])));
  add("rt", Date.parse(String(event["insertionTimestamp"])));
  add("suser", text("deviceUserName") ?? text("actor"));
  add("suid", text("userUid"));
  add("shost", text("osHostName"));
  add("src", text("publicIpAddress"));
  add("request", text("url"));
  add("msg", text("emailSubject"));
  return { signature: event["eventType"], name: event["eventType"], severity: event["riskScore"], extensions };
}

export async function format(options: string[]): Promise<Row[]> {
  const { rounds, numbers } = parseOptions(options, { rounds: 9, events: 3000 }, []);
  const count = numbers["events"] as number;
  const { compileFormatter } = built<typeof encoder>("cef/encoder");
  const { mappings } = built<typeof index>("cef/mappings/index");
  const mapping = (kind: string) => {
    const found = mappings.get(kind);
    if (found === undefined) throw new Error(`there is no mapping ${kind}`);
    return found;
  };
  const v1 = Array.from({ length: count }, (_, number) => JSON.parse(JSON.stringify(eventV1(number))) as Event);
  const writeV2 = eventWriter("v2");
  const v2 = Array.from({ length: count }, (_, number) => JSON.parse(writeV2(number)) as Event);
  const ours = compileFormatter(mapping("code42.file-event.v1"));
  const oursV2 = compileFormatter(mapping("code42.file-event.v2"));
  const own = compileFormatter(mapping("code42.file-event.v1"), {
    severity: "7",
    fields: [{ key: "fname", source: "fileOwner" }, { key: "reason", source: "riskSeverity" }, { key: "Code42IncydrTrusted", source: "shared" }],
  });
  for (const event of v1) {
    const [line, wanted] = [ours.format(event), straightLine(event)];
    if (line !== wanted) throw new Error(`the straight-line code writes another line:\n${line}\n${wanted}`);
  }
  const logger = new (peer<CefPackage>("cef").Logger)({ vendor: "Code42", product: "Incydr", version: "1" });
  const bytes = Buffer.allocUnsafe(64 * 1024);
  const all = (events: readonly Event[], line: (event: Event) => string) => () => {
    for (const event of events) bytes.write(line(event));
  };
  const rates = await compare({
    ours: all(v1, ours.format),
    straight: all(v1, straightLine),
    own: all(v1, own.format),
    cef: all(v1, (event) => logger.formatter.format(forPackage(event))),
    v2: all(v2, oursV2.format),
  }, { items: count, rounds });
  const rate = (name: string) => rates[name] as number;
  const row = (what: string, name: string, against: string, atLeast: number): Row =>
    ({ what, figure: perSecond(rate(name)), peer: perSecond(rate(against)), ratio: rate(name) / rate(against), atLeast });
  return [
    row("event → CEF bytes, v1, against straight-line code for the same table", "ours", "straight", 0.8),
    row("event → CEF bytes, v1 (all rows), against npm cef (10 keys)", "ours", "cef", 3),
    row("event → CEF bytes, v2 (all rows), against npm cef (10 keys of v1)", "v2", "cef", 3),
    row("event → CEF bytes with own rows and severity, against without", "own", "ours", 0.9),
  ];
}
