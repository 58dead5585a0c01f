/** Settings that name an environment variable: what is not set stops the node, and is sent nowhere. */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { NodeInitializer } from "node-red";
import cefFormat from "../../nodes/cef-format";
import query from "../../nodes/code42-query";
import tenant from "../../nodes/code42-tenant";
import deliveryConfirm from "../../nodes/delivery-confirm";
import dxlFabric from "../../nodes/dxl-fabric";
import threatEvent from "../../nodes/dxl-threat-event";
import syslogOut from "../../nodes/syslog-out";
import { postDialog, tryForm } from "../support/dialog";
import { coreNode, getNode, loadFlow, startServer, stopServer, unloadFlow, until, type FlowNode } from "../support/node-red";

const UNSET = "${SIEM_TEST_UNSET}";
const initializers: NodeInitializer[] = [cefFormat, query, tenant, deliveryConfirm, dxlFabric, threatEvent, syslogOut, coreNode("network/05-tls.js"), coreNode("network/06-httpproxy.js")];
const CREDENTIALS = { clientId: "id", clientSecret: "secret" };

const nodes: Record<string, FlowNode> = {
  format: { id: "n", type: "cef-format", property: "payload", fields: [], wires: [[], []] },
  confirm: { id: "n", type: "delivery-confirm", mode: "confirm", wires: [[]] },
  syslog: { id: "n", type: "syslog-out", host: "127.0.0.1", port: "9", transport: "udp", wires: [[], []] },
  source: { id: "n", type: "dxl-threat-event", fabric: "config", topics: ["/topic"], wires: [[]] },
  query: { id: "n", type: "code42-query", tenant: "config", source: "file-events", pollInterval: "3600", cursor: "cursor", cursorType: "global", wires: [[]] },
};
const configs: Record<string, FlowNode> = {
  tenant: { id: "config", type: "code42-tenant", baseUrl: "http://127.0.0.1:9" },
  fabric: { id: "config", type: "dxl-fabric", brokers: "9;127.0.0.1" },
};

/** Loads the flow and returns the error that the node `n` raises; it is red then. */
async function errorOf(flow: FlowNode[], credentials: Record<string, Record<string, string>> = {}, expected = "ENVIRONMENT_UNSET"): Promise<{ code?: string; message?: string }> {
  await loadFlow(initializers, flow, { credentials });
  const node = getNode("n") as unknown as Record<"error" | "status", { args: [{ code?: string; message?: string; fill?: string }][] }>;
  const raised = () => node.error.args.map(([error]) => error).find(({ code }) => code === expected);
  await until(() => raised() !== undefined && node.status.args.at(-1)?.[0].fill === "red", expected);
  return raised() ?? {};
}

describe("a setting with an environment variable that is not set", () => {
  before(startServer);
  after(stopServer);
  afterEach(unloadFlow);

  const properties: Record<string, string[]> = {
    format: ["name", "property", "kind", "format", "profile", "vendor", "product", "version", "severity", "maxBytes", "fields"],
    confirm: ["name", "mode", "confirmsFor"],
    syslog: ["name", "host", "port", "transport", "tls", "header", "framing", "facility", "severity", "hostname", "appName", "maxBytes", "queueEvents", "queueBytes", "overflow", "resendWindow", "confirmDelay"],
    source: ["name", "topics", "payloadType", "expandAggregates", "queueEvents"],
    query: ["source", "criteriaJson", "savedSearch", "pollInterval", "startFrom", "cursor", "overlap", "pageSize", "advance", "confirmedBy"],
  };
  for (const [kind, names] of Object.entries(properties)) {
    it(`stops ${nodes[kind]?.type}, whichever property it is`, async () => {
      for (const name of names) {
        const flow = [{ ...nodes[kind] as FlowNode, [name]: UNSET }, ...Object.values(configs).map((node, index) => ({ ...node, id: kind === "source" === (index === 1) ? "config" : "other" }))];
        const { message } = await errorOf(flow);
        assert.match(message ?? "", /^The environment variable SIEM_TEST_UNSET is not set/, name);
        await unloadFlow();
      }
    });
  }

  it("stops a node in a list or a group of a property too", async () => {
    await errorOf([{ ...nodes["source"] as FlowNode, topics: ["/topic", UNSET] }, configs["fabric"] as FlowNode]);
    await unloadFlow();
    await errorOf([{ ...nodes["query"] as FlowNode, criteria: [{ filters: [{ term: "event.id", operator: "IS", value: UNSET }] }] }, configs["tenant"] as FlowNode]);
    await unloadFlow();
    await errorOf([{ ...nodes["format"] as FlowNode, fields: [{ key: "suser", source: "$(SIEM_TEST_UNSET)" }] }]);
  });

  for (const [user, config, names, secrets] of [
    ["query", "tenant", ["name", "baseUrl", "authType", "timeout", "requestsPerMinute", "tls", "proxy"], ["clientId", "clientSecret", "username", "password", "totpSecret"]],
    ["source", "fabric", ["name", "configFile", "brokers", "keepAlive", "webSockets", "proxy"], ["brokerCertChain", "certificate", "privateKey", "passphrase"]],
  ] as const) {
    it(`of ${configs[config]?.type} stops the node that uses it, whichever property or credential it is`, async () => {
      for (const name of names) {
        await errorOf([nodes[user] as FlowNode, { ...configs[config] as FlowNode, [name]: UNSET }], { config: CREDENTIALS });
        await unloadFlow();
      }
      for (const name of secrets) {
        await errorOf([nodes[user] as FlowNode, configs[config] as FlowNode], { config: { ...CREDENTIALS, [name]: UNSET } });
        await unloadFlow();
      }
    });
  }

  it("of a TLS or proxy configuration stops the node that uses it", async () => {
    const tls = { id: "tls", type: "tls-config", cert: "", key: "", ca: "", verifyservercert: true };
    const syslog = { ...nodes["syslog"] as FlowNode, transport: "tls", tls: "tls" };
    assert.match((await errorOf([syslog, { ...tls, servername: UNSET }])).message ?? "", /"tls: servername"/);
    await unloadFlow();
    await errorOf([syslog, tls], { tls: { cadata: UNSET } });
    await unloadFlow();
    const query = [nodes["query"] as FlowNode, { ...configs["tenant"] as FlowNode, proxy: "proxy" }];
    await errorOf([...query, { id: "proxy", type: "http proxy", name: "", url: UNSET, noproxy: [] }], { config: CREDENTIALS });
    await unloadFlow();
    await errorOf([...query, { id: "proxy", type: "http proxy", name: "", url: "http://127.0.0.1:9", noproxy: [] }], { config: CREDENTIALS, proxy: { username: "dana", password: UNSET } });
  });

  it("beside other text in an address is refused too, and is no name to look up", async () => {
    for (const host of ["siem.${SIEM_TEST_UNSET}", "${SIEM_A}.${SIEM_B}", " ${SIEM_A} "]) {
      await errorOf([{ ...nodes["syslog"] as FlowNode, host }], {}, "ENVIRONMENT_PART");
      await unloadFlow();
    }
    await errorOf([nodes["query"] as FlowNode, { ...configs["tenant"] as FlowNode, baseUrl: "https://${SIEM_TEST_UNSET}" }], { config: CREDENTIALS }, "ENVIRONMENT_PART");
    await unloadFlow();
    await errorOf([nodes["source"] as FlowNode, { ...configs["fabric"] as FlowNode, brokers: "8883;${SIEM_TEST_UNSET}" }], {}, "ENVIRONMENT_PART");
  });

  it("is none in a flow that sets it, nor in a secret that only contains ${", async () => {
    const asked: string[] = [];
    const server = createServer((request, response) => {
      asked.push(String(request.headers.authorization));
      response.writeHead(401).end();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    try {
      const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      await loadFlow(initializers, [
        { id: "flow", type: "tab", label: "", env: [{ name: "SIEM_TEST_TRANSPORT", value: "udp", type: "str" }] },
        { ...nodes["syslog"] as FlowNode, z: "flow", x: 1, y: 1, transport: "${SIEM_TEST_TRANSPORT}" },
        { ...nodes["query"] as FlowNode, id: "q" }, { ...configs["tenant"] as FlowNode, baseUrl },
      ], { credentials: { config: { clientId: "id", clientSecret: "a${SIEM_TEST_UNSET}b" } } });
      assert.equal((getNode("n").error as unknown as { called: boolean }).called, false);
      await until(() => asked.length > 0, "the sign-in");
      assert.equal(Buffer.from((asked[0] ?? "").replace("Basic ", ""), "base64").toString(), "id:a${SIEM_TEST_UNSET}b");
    } finally {
      server.close();
    }
  });

  it("has the same error at the buttons of the dialogs, deployed or not", async () => {
    const tenantNode = { ...configs["tenant"] as FlowNode, baseUrl: UNSET };
    await loadFlow(initializers, [{ ...nodes["syslog"] as FlowNode, host: UNSET }, tenantNode, { ...configs["fabric"] as FlowNode, id: "fabric", brokers: UNSET }], { credentials: { config: CREDENTIALS } });
    for (const id of ["n", "new"]) {
      assert.equal((await tryForm("syslog-out/test", { id, settings: { host: UNSET } })).code, "ENVIRONMENT_UNSET");
    }
    assert.equal((await tryForm("code42-tenant/test", { id: "config", settings: { baseUrl: UNSET } })).code, "ENVIRONMENT_UNSET");
    assert.equal((await tryForm("code42-tenant/test", { settings: { baseUrl: "http://127.0.0.1:9" }, credentials: { clientId: UNSET } })).code, "ENVIRONMENT_UNSET");
    assert.equal((await tryForm("dxl-fabric/test", { id: "fabric", settings: { brokers: UNSET } })).code, "ENVIRONMENT_UNSET");
    assert.equal((await tryForm("cef-format/preview", { settings: { vendor: UNSET }, question: {} })).code, "ENVIRONMENT_UNSET");
    assert.equal((await tryForm("code42-query/preview", { settings: { source: UNSET } })).code, "ENVIRONMENT_UNSET");
  });

  it("is reported to the editor by name: the editor never gets a value", async () => {
    process.env["SIEM_TEST_SET"] = "a secret value";
    try {
      await loadFlow(initializers, [{ id: "flow", type: "tab", label: "", env: [{ name: "SIEM_TEST_IN_FLOW", value: "x", type: "str" }] }]);
      const names = ["SIEM_TEST_SET", "SIEM_TEST_UNSET", "SIEM_TEST_IN_FLOW", "NR_NODE_ID", "$parent.SIEM_TEST_SET"];
      assert.deepEqual(await postDialog("security-events/environment", { names }), { ok: true, unset: ["SIEM_TEST_UNSET"] });
      assert.equal((await postDialog("security-events/environment", {})).code, "TRY_REQUEST");
    } finally {
      delete process.env["SIEM_TEST_SET"];
    }
  });
});
