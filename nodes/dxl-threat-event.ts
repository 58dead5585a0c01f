import type { Node, NodeAPI, NodeDef } from "node-red";
import { dxlError } from "../src/dxl/errors";
import type { FabricNode } from "../src/dxl/fabric";
import { subscriberStatus } from "../src/dxl/status";
import { readSettings, Subscriber } from "../src/dxl/subscriber";
import { StatusLine, localise } from "../src/node-red/report";
import { serveMetrics } from "../src/node-red/metrics-route";
import { NodeStats } from "../src/node-red/stats";
import type { Translate } from "../src/node-red/host";
import { systemClock } from "../src/common/clock";

type ThreatEventConfig = NodeDef & Record<string, unknown> & { fabric: string };

export = function (RED: NodeAPI) {
  const translate: Translate = RED._;
  serveMetrics(RED);

  function DxlThreatEvent(this: Node, config: ThreatEventConfig) {
    RED.nodes.createNode(this, config);
    const status = new StatusLine(this, translate);
    let subscriber: Subscriber | undefined;
    const stats = new NodeStats(this, () => subscriber?.figures ?? {});
    const explain = (error: unknown) => stats.failed(localise(translate, error));
    let isClosed = false;
    const start = async () => {
      const fabricNode = RED.nodes.getNode(config.fabric) as (Node & FabricNode) | null;
      if (fabricNode == null) throw dxlError("FABRIC_MISSING", {}, { permanent: true });
      const words = () => subscriberStatus(made);
      const settings = readSettings(config);
      const fabric = await fabricNode.getFabric();
      if (isClosed) return;
      const made: Subscriber = new Subscriber(settings, {
        fabric,
        clock: systemClock,
        send: (message) => this.send(message),
        error: (error, message) => this.error(explain(error), message),
        changed: () => status.showLazily(words),
      });
      made.start();
      subscriber = made;
    };
    start().catch((error: unknown) => {
      if (isClosed) return;
      this.error(explain(error), {});
      status.show("red", "common.status.badConfig");
    });

    this.on("input", (message, send, done) => {
      if (stats.answer(message)) send(message);
      done();
    });

    this.on("close", () => {
      isClosed = true;
      subscriber?.close();
      stats.close();
      status.close();
    });
  }
  RED.nodes.registerType("dxl-threat-event", DxlThreatEvent as never);
};
