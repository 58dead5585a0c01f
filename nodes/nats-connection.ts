import { hostname } from "node:os";
import type { Node, NodeAPI, NodeDef } from "node-red";
import { systemClock } from "../src/common/clock";
import { checkVariables } from "../src/common/environment";
import type { Properties } from "../src/common/properties";
import { serveDialog } from "../src/node-red/dialog-route";
import { serveEnvironment } from "../src/node-red/environment-route";
import { flowStarts } from "../src/node-red/flow-starts";
import type { DialogHost, Translate } from "../src/node-red/host";
import { serveMetrics } from "../src/node-red/metrics-route";
import { localise } from "../src/node-red/report";
import { NodeStats } from "../src/node-red/stats";
import { tlsOptions, type TlsConfigNode } from "../src/node-red/tls";
import { editedForm, explained } from "../src/node-red/try-it";
import { natsSecrets, testConnection } from "../src/scale-out/connection-test";
import { NatsLink, type NatsConnectionNode } from "../src/scale-out/link";
import { asksForTls, readSettings, type NatsSettings } from "../src/scale-out/settings";

interface NatsConfigNode extends Node<Properties>, NatsConnectionNode {
  settings: Properties;
}

const CREDENTIALS = {
  user: { type: "text" },
  password: { type: "password" },
  token: { type: "password" },
  nkeySeed: { type: "password" },
  creds: { type: "password" },
} as const;

export = function (RED: NodeAPI) {
  const translate: Translate = RED._;
  serveMetrics(RED);
  const starts = flowStarts(RED.events);
  serveEnvironment(RED as unknown as DialogHost);

  function settingsOf(config: Properties, credentials: Properties): NatsSettings {
    const tls = config["tls"];
    const isChosen = typeof tls === "string" && tls !== "";
    const options = isChosen || asksForTls(config) ? tlsOptions(isChosen, isChosen ? RED.nodes.getNode(tls) as unknown as TlsConfigNode | null : undefined) : undefined;
    return readSettings(config, credentials, options);
  }

  function NatsConnection(this: NatsConfigNode, config: NodeDef & Properties) {
    RED.nodes.createNode(this, config);
    this.settings = config;
    this.users = {};
    const raise = starts.watch(this);
    let link: NatsLink | undefined;
    const stats = new NodeStats(this, () => link?.figures ?? {});
    const make = () => {
      checkVariables({ ...config, ...this.credentials });
      return new NatsLink(settingsOf(config, this.credentials ?? {}), {
        clock: systemClock,
        random: Math.random,
        systemHostname: hostname(),
        outage: (error) => raise(stats.failed(localise(translate, error))),
        warn: (key, params) => this.warn(translate(key, params)),
      });
    };
    // Made at the first use: Node-RED may create the TLS node after this one. What failed is tried again with the next use.
    this.getLink = () => link ??= make();
    this.on("close", (_removed: boolean, done: () => void) => {
      stats.close();
      void Promise.resolve(link?.close()).then(done);
    });
  }

  RED.nodes.registerType("nats-connection", NatsConnection as never, { credentials: CREDENTIALS });

  serveDialog(RED as unknown as DialogHost, "post", "nats-connection/test", "nats-connection.write", async ({ body }) => {
    const { settings, credentials } = editedForm(RED as unknown as DialogHost, "nats-connection", body, natsSecrets);
    const { servers, ...report } = await testConnection(settingsOf(settings, credentials), { clock: systemClock });
    return { ...report, servers: servers.map(({ server, error }) => ({ server, ...(error === undefined ? {} : { error: explained(translate, error) }) })) };
  });
};
