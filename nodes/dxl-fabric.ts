import { resolve } from "node:path";
import type { Node, NodeAPI, NodeDef } from "node-red";
import { certificateInfo, fabricOptions, type ConfigFiles, type FabricOptions } from "../src/dxl/client-config";
import { provisionFolder } from "../src/dxl/client-folder";
import { readConfigFiles } from "../src/dxl/config-files";
import { fabricSecrets, testFabric } from "../src/dxl/connection-test";
import { Fabric, type FabricNode } from "../src/dxl/fabric";
import { fabricError } from "../src/dxl/fabric-errors";
import { provision } from "../src/dxl/provisioning";
import { flowStarts } from "../src/node-red/flow-starts";
import { isRecord } from "../src/common/messages";
import { serveDialog } from "../src/node-red/dialog-route";
import { textProperty, type Properties } from "../src/common/properties";
import { checkVariables } from "../src/common/environment";
import { proxyOf } from "../src/node-red/proxy";
import { localise } from "../src/node-red/report";
import { refuseVariables } from "../src/node-red/environment";
import { serveEnvironment } from "../src/node-red/environment-route";
import { serveMetrics } from "../src/node-red/metrics-route";
import { NodeStats } from "../src/node-red/stats";
import { editedForm, explained } from "../src/node-red/try-it";
import type { DialogHost, Translate } from "../src/node-red/host";
import { systemClock } from "../src/common/clock";

interface DxlFabricNode extends Node<Properties>, FabricNode {
  settings: Properties;
  /** The PEM text of the client certificate; rejects with the errors of `fabricOptions`. */
  certificate(): Promise<string>;
}

export = function (RED: NodeAPI) {
  const translate: Translate = RED._;
  const host = RED as unknown as DialogHost;
  serveMetrics(RED);
  const starts = flowStarts(RED.events);
  serveEnvironment(host);
  const userFolder = (RED.settings as { userDir?: string }).userDir ?? process.cwd();
  const optionsWith = (files: ConfigFiles) => (config: Properties, credentials: Properties): FabricOptions =>
    fabricOptions(config, credentials, { ...files, userFolder, proxy: proxyOf(RED.nodes, config["proxy"]) });

  function DxlFabric(this: DxlFabricNode, config: NodeDef & Properties) {
    RED.nodes.createNode(this, config);
    this.settings = config;
    this.users = {};
    const raise = starts.watch(this);
    let fabric: Fabric | undefined;
    let making: Promise<Fabric> | undefined;
    const stats = new NodeStats(this, () => (fabric === undefined ? {} : { reconnects: fabric.reconnects, connected: fabric.state.phase === "connected" ? 1 : 0 }));
    const options = async () => {
      checkVariables({ ...config, ...this.credentials });
      return optionsWith(await readConfigFiles(userFolder, config["configFile"]))(config, this.credentials ?? {});
    };
    const make = async () => (fabric = new Fabric(await options(), {
      clock: systemClock,
      random: Math.random,
      log: (level, text) => (level === "info" ? this.log(text) : this.debug(text)),
      outage: (error) => raise(stats.failed(localise(translate, error))),
    }));
    // Made at the first use: Node-RED may create the proxy node after this one. What failed is tried again with the next use.
    this.getFabric = () => making ??= make().catch((error: unknown) => {
      making = undefined;
      throw error;
    });
    this.certificate = async () => (await options()).credentials.certificate;
    this.on("close", (_removed: boolean, done: () => void) => {
      stats.close();
      void Promise.resolve(making).then((made) => made?.close(), () => undefined).then(done);
    });
  }

  RED.nodes.registerType("dxl-fabric", DxlFabric as never, {
    credentials: {
      brokerCertChain: { type: "text" },
      certificate: { type: "text" },
      privateKey: { type: "password" },
      passphrase: { type: "password" },
    },
  });

  // What the administrator of the fabric needs to know of a client certificate: all of it is public. Whoever may read flows sees
  // the deployed one; only whoever may deploy sees that of another file or text.
  serveDialog(host, "post", "dxl-fabric/:id/certificate", "dxl-fabric.read", async ({ params }) => {
    const node = RED.nodes.getNode(params["id"] ?? "") as unknown as DxlFabricNode | null;
    if (node?.type !== "dxl-fabric") throw fabricError("NOT_DEPLOYED");
    return { ...certificateInfo(await node.certificate()) };
  });
  serveDialog(host, "post", "dxl-fabric/certificate", "dxl-fabric.write", async ({ body }) => {
    const { configFile, certificate } = (isRecord(body) ? body : {});
    refuseVariables(host, { configFile, certificate });
    if (typeof configFile === "string" && configFile !== "") {
      return { ...certificateInfo(fabricOptions({ configFile }, {}, { ...await readConfigFiles(userFolder, configFile), userFolder }).credentials.certificate) };
    }
    return { ...certificateInfo(typeof certificate === "string" ? certificate : "") };
  });
  // Only here a private key leaves the runtime: the dialog makes it a credential of the edited node, which is saved by a
  // deploy. The runtime keeps nothing of it. A key that goes to a folder does not leave.
  serveDialog(host, "post", "dxl-fabric/provision", "dxl-fabric.write", async ({ body }) => {
    const form = isRecord(body) ? body : {};
    refuseVariables(host, form);
    const folder = textProperty(form, "folder", "");
    return { ...await (folder === "" ? provision(form) : provisionFolder(resolve(userFolder, folder), () => provision(form))) };
  });

  serveDialog(host, "post", "dxl-fabric/test", "dxl-fabric.write", async ({ body }) => {
    const { id, settings: form } = (isRecord(body) ? body : {}) as { id?: unknown; settings?: unknown };
    const deployed = RED.nodes.getNode(String(id)) as unknown as DxlFabricNode | null;
    const optionsOf = optionsWith(await readConfigFiles(userFolder, isRecord(form) ? form["configFile"] : "", deployed?.settings?.["configFile"]));
    const { settings, credentials } = editedForm(host, "dxl-fabric", body, fabricSecrets(optionsOf));
    const brokers = await testFabric(optionsOf(settings, credentials), { clock: systemClock });
    return { brokers: brokers.map(({ broker, error }) => ({ broker, ...(error === undefined ? {} : { error: explained(translate, error) }) })) };
  });
};
