import type { Node, NodeAPI, NodeDef } from "node-red";
import { deliveryRegistry, type Settlement } from "../src/delivery/registry";
import { checkVariables } from "../src/common/environment";
import { isRecord, type FlowMessage } from "../src/common/messages";
import { choiceProperty, idListProperty } from "../src/common/properties";
import { flowStarts } from "../src/node-red/flow-starts";
import { sinkId } from "../src/node-red/sinks";
import { StatusLine, localise } from "../src/node-red/report";
import { serveEnvironment } from "../src/node-red/environment-route";
import { serveMetrics } from "../src/node-red/metrics-route";
import { NodeStats } from "../src/node-red/stats";
import { plain } from "../src/common/border";
import { SiemError } from "../src/common/errors";
import type { DialogHost, Translate } from "../src/node-red/host";

type ConfirmConfig = NodeDef & Record<string, unknown>;

const furthest = (settlements: Settlement[]) => (["settled", "partial"] as const).find((settlement) => settlements.includes(settlement)) ?? "ignored";

export = function (RED: NodeAPI) {
  const translate: Translate = RED._;
  serveMetrics(RED);
  const starts = flowStarts(RED.events);
  serveEnvironment(RED as unknown as DialogHost);

  function DeliveryConfirm(this: Node, config: ConfirmConfig) {
    RED.nodes.createNode(this, config);
    const raise = starts.watch(this);
    const status = new StatusLine(this, translate);
    const registry = deliveryRegistry();
    let settled = 0;
    let ignored = 0;
    let rejects = false;
    const stats = new NodeStats(this, () => ({ [rejects ? "rejected" : "confirmed"]: settled, ignored }));
    let settle: (message: FlowMessage) => Settlement;

    /** After a catch node `msg.error` has the reason. */
    const reason = ({ error }: FlowMessage) =>
      new Error(isRecord(error) && typeof error["message"] === "string" ? error["message"] : translate("reason.rejected", plain.params({ node: this.name ?? this.id })));

    try {
      checkVariables(config);
      const listed = idListProperty(config, "confirmsFor");
      const sinks = listed.length > 0 ? listed : [sinkId(this)];
      const settleAll = (settleOne: (sink: string) => Settlement) => furthest(sinks.map(settleOne));
      const mode = choiceProperty(config, "mode", ["confirm", "confirm-page", "reject"]);
      rejects = mode === "reject";
      settle = {
        "confirm": (message: FlowMessage) => settleAll((sink) => registry.confirm(message, sink)),
        "confirm-page": (message: FlowMessage) => settleAll((sink) => registry.confirmPage(message, sink)),
        "reject": (message: FlowMessage) => registry.reject(message, reason(message)),
      }[mode];
    } catch (error) {
      const configError = stats.failed(localise(translate, error));
      raise(configError);
      status.show("red", "common.status.badConfig");
      settle = () => {
        throw configError;
      };
    }

    this.on("input", (input, send, done) => {
      const message = input as FlowMessage;
      if (stats.answer(message)) {
        send(input);
        return done();
      }
      try {
        if (settle(message) !== "ignored") {
          settled += 1;
          status.show(rejects ? "yellow" : "green", rejects ? "status.rejected" : "status.confirmed", { count: settled });
        } else if (message.delivery !== undefined) {
          ignored += 1;
          status.show("grey", "status.ignored");
        }
      } catch (error) {
        done(error instanceof SiemError ? error : localise(translate, error));
        return;
      }
      send(input);
      done();
    });

    this.on("close", () => {
      stats.close();
      status.close();
    });
  }
  RED.nodes.registerType("delivery-confirm", DeliveryConfirm as never);
};
