/** Makes the main flow of this package: tenant → query → CEF → syslog, once for each route to a SIEM. */
import type { FlowNode } from "./node-red-process";

export interface Route {
  /** Letters and digits; part of the node ids and of the cursor key. */
  name: string;
  query?: Record<string, unknown>;
  format?: Record<string, unknown>;
  syslog: Record<string, unknown>;
}

export interface TenantAccess {
  url: string;
  clientId: string;
  clientSecret: string;
}

/** One tab with a tenant, and for each route a code42-query, a cef-format and a syslog-out. The cursors are in the store `durable`. */
export function mainJob(tenant: TenantAccess, routes: readonly Route[], extra: readonly FlowNode[] = []): FlowNode[] {
  const place = (row: number, column: number) => ({ z: "tab", x: 150 + 200 * column, y: 60 + 60 * row });
  return [
    { id: "tab", type: "tab", label: "main job" },
    {
      id: "tenant", type: "code42-tenant", name: "", baseUrl: tenant.url, authType: "api-client", requestsPerMinute: "6000",
      credentials: { clientId: tenant.clientId, clientSecret: tenant.clientSecret },
    },
    ...routes.flatMap(({ name, query, format, syslog }, row): FlowNode[] => [
      {
        id: `query-${name}`, type: "code42-query", ...place(row, 0), name, tenant: "tenant", source: "file-events", pollInterval: "0.5", startFrom: "P7D",
        cursor: `#:(durable)::cursor_${name}`, cursorType: "global", pageSize: "500", wires: [[`format-${name}`]], ...query,
      },
      { id: `format-${name}`, type: "cef-format", ...place(row, 1), name, wires: [[`syslog-${name}`]], ...format },
      { id: `syslog-${name}`, type: "syslog-out", ...place(row, 2), name, wires: [[]], ...syslog },
    ]),
    ...extra,
  ];
}

/** A core tls-config node that reads PEM files. */
export function tlsConfig(id: string, files: { ca?: string; cert?: string; key?: string }): FlowNode {
  return {
    id, type: "tls-config", name: "", cert: files.cert ?? "", key: files.key ?? "", ca: files.ca ?? "", certname: "", keyname: "", caname: "",
    servername: "", verifyservercert: true, alpnprotocol: "",
  };
}
