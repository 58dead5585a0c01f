/**
 * The whole flow with pages of 1,000: direct, with a shared cursor only, and through the stream, with one Node-RED doing both
 * and with two. `npm run bench -- cluster [--rounds N] [--events N] [--profile 1]`
 */
import { NatsServer } from "../test/support/nats";
import type { FlowNode } from "../test/support/node-red-process";
import { packedPackage } from "../test/support/packed-package";
import { measure, type FlowFigures, type Shared } from "./flow";
import { preparePages } from "./pages";
import { median, parseOptions, type Row } from "./report";

const VARIANTS = {
  direct: undefined,
  cursor: { stream: false, instances: 1 },
  one: { stream: true, instances: 1 },
  two: { stream: true, instances: 2 },
};
type Name = keyof typeof VARIANTS;
const NAMES = Object.keys(VARIANTS) as Name[];

function sharedFlow(servers: string, { stream, instances }: { stream: boolean; instances: number }): Shared {
  const place = { z: "tab", x: 400, y: 200, name: "", connection: "nats", channel: "siem" };
  const nodes: FlowNode[] = [
    { id: "nats", type: "nats-connection", name: "", servers, authType: "none" },
    ...(stream ? [{ id: "out", type: "event-stream-out", ...place, wires: [[], []] }, { id: "in", type: "event-stream-in", ...place, wires: [["syslog-bench"]] }] : []),
  ];
  return { query: { cursorType: "shared", cursor: "bench", connection: "nats" }, format: stream ? { wires: [["out"]] } : {}, nodes, instances };
}

export async function cluster(options: string[]): Promise<Row[]> {
  const { rounds, numbers } = parseOptions(options, { rounds: 5, events: 100_000, profile: 0 }, []);
  const events = numbers["events"] as number;
  const variant = { version: "v2", pageSize: 1000 } as const;
  const pages = preparePages({ ...variant, events });
  const found: Record<Name, FlowFigures[]> = { direct: [], cursor: [], one: [], two: [] };
  packedPackage();
  for (let round = 0; round < rounds; round++) {
    for (const name of round % 2 === 0 ? NAMES : NAMES.toReversed()) {
      const nats = await NatsServer.start();
      const kind = VARIANTS[name];
      const figures = await measure(variant, pages, events, numbers["profile"] === 1, kind === undefined ? undefined : sharedFlow(nats.address, kind));
      await nats.remove();
      found[name].push(figures);
      process.stderr.write(`round ${round + 1}, ${name}: ${Math.round(figures.eventsPerSecond)} events/s, ${figures.processorUs.toFixed(1)} µs/event, peak ${figures.peakMB.toFixed(0)} MB\n${figures.stages === undefined ? "" : `${figures.stages}\n`}`);
    }
  }
  const of = (name: Name, value: (figures: FlowFigures) => number) => median(found[name].map(value));
  const rate = (name: Name) => of(name, ({ eventsPerSecond }) => eventsPerSecond);
  const thread = (name: Name) => of(name, ({ processorUs }) => processorUs);
  const peak = (name: Name) => of(name, ({ peakMB }) => peakMB);
  const ratio = (what: string, name: Name, atLeast: number): Row => ({
    // Those of one round had the same machine.
    what: `whole flow ${what}, against direct`, figure: `${Math.round(rate(name))}/s`, peer: `${Math.round(rate("direct"))}/s`, atLeast,
    ratio: median(found[name].map(({ eventsPerSecond }, round) => eventsPerSecond / (found.direct[round]?.eventsPerSecond ?? NaN))),
  });
  return [
    ratio("with a shared cursor", "cursor", 0.9),
    ratio("through the stream, one Node-RED", "one", 0.8),
    ratio("through the stream, two Node-REDs", "two", 0.8),
    // Other work on the machine changes the rates more than this.
    { what: "time of Node-RED's thread an event, through the stream, one Node-RED", figure: `${thread("one").toFixed(1)} µs`, peer: `${thread("direct").toFixed(1)} µs`, ratio: thread("one") / thread("direct"), atMost: 1.25 },
    { what: "peak memory through the stream, one Node-RED, MB over direct", figure: `${peak("one").toFixed(0)} MB`, peer: `${peak("direct").toFixed(0)} MB`, ratio: peak("one") - peak("direct"), atMost: 80 },
  ];
}
