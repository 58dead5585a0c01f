/** Sums up a processor profile by the stages of the flow. */
interface Profile {
  /** Epoch ms. */
  startedAt: number;
  nodes: { id: number; callFrame: CallFrame }[];
  samples: number[];
  timeDeltas: number[];
}

interface CallFrame {
  functionName: string;
  url: string;
}

/** The first match is the stage of a sample; native code has no file, so its function's name counts. */
const STAGES: readonly (readonly [stage: string, place: RegExp])[] = [
  ["waiting", /^\((idle|program)\)/],
  ["garbage collection", /^\(garbage collector\)/],
  ["fetch: HTTP, gunzip", /\/code42\/tenant\/|axios|node:(_?http|zlib|internal\/http)|zlib|llhttp/],
  ["page to events: parse, known ids, pages", /\/src\/(code42|cursor|pages|common)\//],
  ["events to CEF", /\/src\/cef\/|nodes\/cef-format/],
  ["lines to bytes, sending", /\/src\/syslog\/|nodes\/syslog-out|utf8Write|writeBuffer|writev|node:(net|buffer|internal\/(stream|streams))/],
  ["delivery and confirmation", /\/src\/delivery\//],
  ["Node-RED and Node.js", /node_modules|node:|realm|loader/],
];

/** One line per stage, largest first: its share of the main thread's busy time after `fromMs` (epoch ms). */
export function stages(text: string, fromMs: number): string {
  const { startedAt, nodes, samples, timeDeltas } = JSON.parse(text) as Profile;
  const places = new Map(nodes.map(({ id, callFrame: { functionName, url } }) => [id, `${functionName} ${url}`]));
  const times = new Map<string, number>();
  let at = startedAt;
  for (const [index, id] of samples.entries()) {
    at += (timeDeltas[index] ?? 0) / 1000;
    if (at < fromMs) continue;
    const place = places.get(id) ?? "";
    const stage = STAGES.find(([, pattern]) => pattern.test(place))?.[0] ?? "other native code";
    times.set(stage, (times.get(stage) ?? 0) + (timeDeltas[index] ?? 0));
  }
  times.delete("waiting");
  const all = [...times.values()].reduce((sum, time) => sum + time, 0);
  return [...times].sort(([, a], [, b]) => b - a).map(([stage, time]) => `  ${((100 * time) / all).toFixed(1).padStart(5)} %  ${stage}`).join("\n");
}
