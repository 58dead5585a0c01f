/** The route that tells the editor which environment variables are not set. */
import { commonError } from "../common/errors";
import { isRecord } from "../common/messages";
import { processWide } from "../common/process-wide";
import { serveDialog } from "./dialog-route";
import { setVariables } from "./environment";
import type { DialogHost } from "./host";

/**
 * Tells users who may change flows which of the variables `{names: string[]}` are not set: `{unset: string[]}`, no values.
 * The editor marks nodes that name one of them. Every node set calls this; only the first call of a runtime registers the route.
 */
export function serveEnvironment(host: DialogHost): void {
  const served = processWide("environment-routes@1", () => new WeakSet());
  if (served.has(host.httpAdmin)) return;
  served.add(host.httpAdmin);
  serveDialog(host, "post", "security-events/environment", "security-events.write", ({ body }) => {
    const names = isRecord(body) ? body["names"] : undefined;
    if (!Array.isArray(names)) throw commonError("TRY_REQUEST", {}, { permanent: true });
    const isSet = setVariables(host);
    return { unset: names.filter((name) => typeof name === "string" && !isSet(name)) };
  });
}
