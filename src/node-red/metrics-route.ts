/** The route of the metrics. */
import { PROMETHEUS_TYPE, metricsOfProcess, prometheusText } from "../metrics/metrics";
import { processWide } from "../common/process-wide";

/** The part of Node-RED's runtime API that the route needs. */
interface MetricsHost {
  httpAdmin: { get(path: string, ...handlers: never[]): unknown };
  auth: { needsPermission(permission: string): unknown };
}

interface Response {
  set(header: string, value: string): void;
  send(body: string): void;
}

/** Serves the figures of all nodes to users who may read them. Every node set calls this; only the first call of a runtime registers the route. */
export function serveMetrics({ httpAdmin, auth }: MetricsHost): void {
  const served = processWide("metrics-routes@1", () => new WeakSet());
  if (served.has(httpAdmin)) return;
  served.add(httpAdmin);
  const handle = (_request: unknown, response: Response) => {
    response.set("Content-Type", PROMETHEUS_TYPE);
    response.set("Cache-Control", "no-store");
    response.send(prometheusText(metricsOfProcess().all()));
  };
  httpAdmin.get("/security-events/metrics", auth.needsPermission("security-events.read") as never, handle as never);
}
