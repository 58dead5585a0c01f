/**
 * Objects become the bytes of CEF lines: ours against straight-line code and npm `cef`.
 * `npm run bench -- format [--rounds N] [--events N]`
 */
import type * as encoder from "../src/cef/encoder";
import type * as index from "../src/cef/mappings";
import type * as program from "../src/kernel/program";
import { eventV1, eventWriter } from "../test/support/measured-events";
import { parseOptions, type Row } from "./report";
import { built, compare, peer, perSecond } from "./rounds";
import { straightLine } from "./straight-line";

interface CefPackage {
  Logger: new (config: object) => { formatter: { format(params: Parameters): string } };
}

interface Parameters {
  signature: string;
  name: string;
  severity: number;
  extensions: Record<string, string | number>;
}

type Event = Record<string, unknown>;

const NAMES: Record<string, readonly [classId: string, name: string]> = {
  CREATED: ["file-created", "File created"], MODIFIED: ["file-modified", "File modified"], DELETED: ["file-deleted", "File deleted"],
  READ_BY_APP: ["application-read", "Read by browser or app"], EMAILED: ["file-emailed", "File emailed"],
};

/**
 * The event as npm `cef` takes it, with the values that our table gives the same keys: all twelve of them that it knows.
 * It refuses the others (`externalId`, `filePath`, `fileHash`, `cs1` and so on), so that nothing else can be given to it.
 * No value of these events needs cutting; it would cut the line at 1,023 characters, in the middle of a value, which
 * `format` makes sure of. It does not escape backslashes, nor look for control characters.
 */
function forPackage(event: Event): Parameters {
  const extensions: Parameters["extensions"] = { fname: event["fileName"] as string, fsize: event["fileSize"] as number };
  const add = (key: string, value: unknown) => {
    if (typeof value === "string" && value !== "") extensions[key] = value;
  };
  extensions["end"] = Date.parse(event["eventTimestamp"] as string);
  extensions["rt"] = Date.parse(event["insertionTimestamp"] as string);
  const user = event["deviceUserName"] === "NAME_NOT_AVAILABLE" ? null : event["deviceUserName"];
  add("suser", (event["eventType"] === "EMAILED" ? event["emailSender"] : null) ?? user ?? event["actor"]);
  add("suid", event["userUid"]);
  const shared = event["sharedWith"] as { cloudUsername: string }[];
  add("duser", (event["emailRecipients"] as string[] | null ?? shared.map(({ cloudUsername }) => cloudUsername)).join(","));
  add("shost", event["osHostName"]);
  add("src", event["publicIpAddress"]);
  const tab = (event["tabs"] as { url: string; title: string }[])[0];
  add("request", tab?.url ?? event["url"]);
  add("requestContext", tab?.title);
  add("msg", event["emailSubject"]);
  const [signature, name] = NAMES[event["eventType"] as string] as readonly [string, string];
  return { signature, name, severity: event["riskScore"] as number, extensions };
}

/** Fields of the lines, without the labels of custom keys. */
const fieldsOf = (lines: readonly string[]) => lines.reduce((sum, line) => sum + (line.match(/(?<!\\|Label)=/g)?.length ?? 0), 0);

export async function format(options: string[]): Promise<Row[]> {
  const { rounds, numbers } = parseOptions(options, { rounds: 15, events: 1000 }, []);
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
  const theirs = (event: Event) => logger.formatter.format(forPackage(event));
  const cut = v1.map(theirs).find((line) => line.length >= 1023);
  if (cut !== undefined) throw new Error(`npm cef has cut the line:\n${cut}`);
  const bytes = Buffer.allocUnsafe(256 * 1024);
  const all = (events: readonly Event[], line: (event: Event) => string) => () => {
    for (const event of events) bytes.write(line(event));
  };
  const kernel = built<typeof program>("kernel/program").compileKernel({ id: "eventId", inserted: "insertionTimestamp" }, ours.table);
  if (kernel === undefined) throw new Error("there is no kernel");
  const page = Buffer.from(`${v1.map((event) => JSON.stringify(event)).join(",")}]`);
  const byKernel = () => {
    let found = 0;
    for (let start = 0; start < page.length - 1;) {
      kernel.load(page.subarray(start));
      for (let at = 0, status = "needs output"; status === "needs output"; at = kernel.consumed) {
        status = kernel.read(at, found === 0);
        found += kernel.count;
        kernel.lines.copy(bytes);
      }
      start += kernel.consumed;
    }
    if (found !== count) throw new Error(`${found} events of ${count}`);
  };
  const fromPage = (line: (event: Event) => string) => () => {
    for (const event of JSON.parse(`[${page.toString()}`) as Event[]) bytes.write(line(event));
  };
  const rates = await compare({
    kernel: byKernel,
    pageStraight: fromPage(straightLine),
    pageCef: fromPage(theirs),
    v2: all(v2, oursV2.format),
    cef: all(v1, theirs),
    ours: all(v1, ours.format),
    straight: all(v1, straightLine),
    own: all(v1, own.format),
  }, { items: count, rounds });
  const fields = { ours: fieldsOf(v1.map(ours.format)) / count, v2: fieldsOf(v2.map(oursV2.format)) / count, cef: fieldsOf(v1.map(theirs)) / count };
  const rate = (name: string) => rates[name] as number;
  const row = (what: string, name: string, against: string, atLeast?: number): Row =>
    ({ what, figure: perSecond(rate(name)), peer: perSecond(rate(against)), ratio: rate(name) / rate(against), ...(atLeast === undefined ? {} : { atLeast }) });
  // A line of npm cef has a third of the fields, so that its lines are not the same work.
  const perField = (name: "ours" | "v2"): Row => {
    const [own, other] = [rate(name) * fields[name], rate("cef") * fields.cef];
    return {
      what: `fields of CEF lines, ${name === "v2" ? "v2" : "v1"}, ${fields[name].toFixed(1)} a line, against npm cef, v1, ${fields.cef.toFixed(1)} a line`,
      figure: perSecond(own), peer: perSecond(other), ratio: own / other,
    };
  };
  return [
    row("event → CEF bytes, v1, against straight-line code for the same table", "ours", "straight", 0.8),
    row("event → CEF bytes, v1, lines against npm cef (12 keys, all it takes)", "ours", "cef", 3),
    row("event → CEF bytes, v2, lines against those of npm cef of v1 (12 keys)", "v2", "cef", 3),
    row("straight-line code, v1, lines against npm cef", "straight", "cef"),
    perField("ours"),
    perField("v2"),
    row("page bytes → CEF bytes, v1, against JSON.parse and straight-line code", "kernel", "pageStraight"),
    row("page bytes → CEF bytes, v1, against JSON.parse and npm cef (12 keys)", "kernel", "pageCef"),
    row("event → CEF bytes with own rows and severity, against without", "own", "ours", 0.9),
  ];
}
