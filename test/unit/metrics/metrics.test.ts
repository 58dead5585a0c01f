import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { Metrics, prometheusText, type NodeFigures } from "../../../src/metrics/metrics";
import { METRICS } from "../../../src/metrics/table";
import { serveMetrics } from "../../../src/node-red/metrics-route";

/** The samples that the parser of Prometheus' own Python client finds in `text`. */
function parsed(text: string): { name: string; labels: Record<string, string>; value: number; type: string }[] {
  const script = `
import json, sys
from prometheus_client.parser import text_string_to_metric_families
for family in text_string_to_metric_families(sys.stdin.read()):
    for sample in family.samples:
        print(json.dumps({"name": sample.name, "labels": sample.labels, "value": sample.value, "type": family.type}))
`;
  const out = execFileSync("/usr/bin/python3", ["-c", script], { input: text, encoding: "utf8" });
  return out.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line) as ReturnType<typeof parsed>[number]);
}

const figures = (values: Partial<NodeFigures> = {}): NodeFigures => ({ id: "n1", type: "code42-query", name: "Code42", read: 7, ...values });

describe("metrics in Prometheus' text format", () => {
  it("can be read by Prometheus' own parser, even with hostile names", () => {
    const name = "a \"b\" \\ c\nd {e} ä";
    const samples = parsed(prometheusText([
      figures({ name, cursorAgeSeconds: 300.5 }),
      figures({ id: "n2", type: "syslog-out", name: "SIEM", read: 1, dropped: { refused: 2, undeliverable: 0 } }),
    ]));
    assert.deepEqual(samples.find(({ labels }) => labels["node"] === "n1"), {
      name: "security_events_read_total", type: "counter", value: 7, labels: { node: "n1", type: "code42-query", name },
    });
    assert.equal(samples.find((sample) => sample.name === "security_events_cursor_age_seconds")?.value, 300.5);
    assert.deepEqual(samples.filter((sample) => sample.name === "security_events_dropped_total").map(({ labels, value }) => [labels["reason"], value]), [["refused", 2], ["undeliverable", 0]]);
  });

  it("hold the time and the code of the last error, not its text", () => {
    const text = prometheusText([figures({ lastError: { code: "FORBIDDEN", message: "the words", time: "2026-01-01T00:00:00.500Z" } })]);
    const sample = parsed(text).find(({ name }) => name === "security_events_last_error_timestamp_seconds");
    assert.equal(sample?.value, Date.parse("2026-01-01T00:00:00.500Z") / 1000);
    assert.equal(sample?.labels["code"], "FORBIDDEN");
    assert.ok(!text.includes("the words"));
    assert.ok(!text.includes("recovered"));
  });

  it("hold the time of the recovery after the last error", () => {
    const text = prometheusText([figures({ lastError: { code: "FORBIDDEN", message: "the words", time: "2026-01-01T00:00:00.500Z", recovered: "2026-01-01T00:07:00.000Z" } })]);
    const sample = parsed(text).find(({ name }) => name === "security_events_last_error_recovered_timestamp_seconds");
    assert.equal(sample?.value, Date.parse("2026-01-01T00:07:00.000Z") / 1000);
  });

  it("describe every metric once, for any number of nodes", () => {
    const all = Object.fromEntries(Object.keys(METRICS).map((metric) => [metric, 1]));
    const text = prometheusText([figures(all), figures({ ...all, id: "n2" })]);
    assert.equal(parsed(text).length, 2 * Object.keys(METRICS).length);
    assert.equal(text.match(/^# TYPE /gm)?.length, Object.keys(METRICS).length);
    assert.equal(prometheusText([]), "");
  });

  it("hold a node from when it is added until it is removed", () => {
    const metrics = new Metrics();
    const remove = metrics.add(() => figures());
    assert.equal(metrics.all().length, 1);
    remove();
    assert.equal(metrics.all().length, 0);
  });

  it("are served once on each server", () => {
    const served: string[] = [];
    const server = (name: string) => ({ httpAdmin: { get: (path: string) => served.push(`${name} ${path}`) }, auth: { needsPermission: () => () => undefined } });
    const [one, other] = [server("one"), server("other")];
    for (const host of [one, one, other]) serveMetrics(host);
    assert.deepEqual(served, ["one /security-events/metrics", "other /security-events/metrics"]);
  });
});
