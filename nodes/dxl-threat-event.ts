import type { Node, NodeAPI, NodeDef } from "node-red";
import { dxlError } from "../src/dxl/errors";
import { inHand } from "../src/delivery/in-hand";
import type { FabricNode } from "../src/dxl/fabric";
import { subscriberStatus } from "../src/dxl/status";
import { readSettings, Subscriber } from "../src/dxl/subscriber";
import { flowStarts } from "../src/node-red/flow-starts";
import { checkVariables } from "../src/common/environment";
import { StatusLine, localise } from "../src/node-red/report";
import { serveEnvironment } from "../src/node-red/environment-route";
import { serveMetrics } from "../src/node-red/metrics-route";
import { NodeStats } from "../src/node-red/stats";
import type { DialogHost, Translate } from "../src/node-red/host";
import { systemClock } from "../src/common/clock";

type ThreatEventConfig = NodeDef & Record<string, unknown> & { fabric: string };

export = function (RED: NodeAPI) {
  const translate: Translate = RED._;
  serveMetrics(RED);
  const starts = flowStarts(RED.events);
  serveEnvironment(RED as unknown as DialogHost);

  function DxlThreatEvent(this: Node, config: ThreatEventConfig) {
    RED.nodes.createNode(this, config);
    const raise = starts.watch(this);
    const status = new StatusLine(this, translate);
    let subscriber: Subscriber | undefined;
    let fabricNode: (Node & FabricNode) | null = null;
    const stats = new NodeStats(this, () => subscriber?.figures ?? {});
    const explain = (error: unknown) => stats.failed(localise(translate, error));
    let isClosed = false;
    const start = async () => {
      checkVariables(config);
      fabricNode = RED.nodes.getNode(config.fabric) as (Node & FabricNode) | null;
      if (fabricNode == null) throw dxlError("FABRIC_MISSING", {}, { permanent: true });
      fabricNode.users[this.id] = this;
      const words = () => subscriberStatus(made);
      const settings = readSettings(config);
      const fabric = await fabricNode.getFabric();
      if (isClosed) return;
      const made: Subscriber = new Subscriber(settings, {
        fabric,
        inHand: inHand(),
        clock: systemClock,
        send: (message) => this.send(message),
        error: (error, message) => raise(explain(error), message),
        changed: () => status.showLazily(words),
      });
      made.start();
      subscriber = made;
    };
    start().catch((error: unknown) => {
      if (isClosed) return;
      raise(explain(error));
      status.show("red", "common.status.badConfig");
    });

    this.on("input", (message, send, done) => {
      if (stats.answer(message)) send(message);
      done();
    });

    this.on("close", () => {
      isClosed = true;
      subscriber?.close();
      delete fabricNode?.users[this.id];
      stats.close();
      status.close();
    });
  }
  RED.nodes.registerType("dxl-threat-event", DxlThreatEvent as never);
};
