import type { Node, NodeAPI, NodeDef } from "node-red";
import { systemClock } from "../src/common/clock";
import { checkVariables } from "../src/common/environment";
import { deliveryRegistry } from "../src/delivery/registry";
import { serveEnvironment } from "../src/node-red/environment-route";
import { flowStarts } from "../src/node-red/flow-starts";
import type { DialogHost, Translate } from "../src/node-red/host";
import { serveMetrics } from "../src/node-red/metrics-route";
import { linkOf } from "../src/node-red/nats-link";
import { StatusLine, localise } from "../src/node-red/report";
import { checkSinks } from "../src/node-red/sinks";
import { NodeStats } from "../src/node-red/stats";
import { StreamIn } from "../src/scale-out/stream-in";
import { readInSettings } from "../src/scale-out/stream-settings";
import { inStatus } from "../src/scale-out/stream-status";

type StreamInConfig = NodeDef & Record<string, unknown>;

export = function (RED: NodeAPI) {
  const translate: Translate = RED._;
  serveMetrics(RED);
  const starts = flowStarts(RED.events);
  serveEnvironment(RED as unknown as DialogHost);
  function EventStreamIn(this: Node, config: StreamInConfig) {
    RED.nodes.createNode(this, config);
    const raise = starts.watch(this, () => input?.flowChanged());
    const status = new StatusLine(this, translate);
    let input: StreamIn | undefined;
    const stats = new NodeStats(this, () => input?.figures ?? {});
    const explain = (error: unknown) => stats.failed(localise(translate, error));
    try {
      checkVariables(config);
      const settings = readInSettings(config);
      const link = linkOf(RED.nodes, config["connection"], this);
      const made: StreamIn = new StreamIn(settings, {
        link, clock: systemClock,
        registry: deliveryRegistry(),
        send: (message) => this.send(message as never),
        checkSinks: () => checkSinks(settings.sinks, RED.nodes),
        changed: () => status.showLazily(() => inStatus(made, link)),
        trouble: (error) => raise(explain(error)),
        warn: (key, params) => this.warn(translate(key, params)),
        text: translate,
      });
      input = made;
      made.start();
    } catch (error) {
      raise(explain(error));
      status.show("red", "common.status.badConfig");
    }

    this.on("input", (message, send, done) => {
      if (stats.answer(message)) send(message);
      done();
    });

    this.on("close", (done: () => void) => {
      void Promise.resolve(input?.close()).then(() => {
        stats.close();
        status.close();
        done();
      });
    });
  }
  RED.nodes.registerType("event-stream-in", EventStreamIn as never);
};
