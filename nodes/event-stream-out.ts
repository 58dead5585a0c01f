import type { Node, NodeAPI, NodeDef } from "node-red";
import { plain } from "../src/common/border";
import { systemClock } from "../src/common/clock";
import { checkVariables } from "../src/common/environment";
import type { FlowMessage } from "../src/common/messages";
import { bytesBeside, payloadBytes } from "../src/common/retained-bytes";
import { deliveryRegistry } from "../src/delivery/registry";
import { serveEnvironment } from "../src/node-red/environment-route";
import { flowStarts } from "../src/node-red/flow-starts";
import type { DialogHost, Translate } from "../src/node-red/host";
import { serveMetrics } from "../src/node-red/metrics-route";
import { linkOf } from "../src/node-red/nats-link";
import { isFollowed, type PackedLinesNode } from "../src/node-red/receivers";
import { StatusLine, localise, setAside } from "../src/node-red/report";
import { sinkId } from "../src/node-red/sinks";
import { NodeStats } from "../src/node-red/stats";
import { failMessages } from "../src/node-red/wrong-settings";
import { packedLines } from "../src/pages/packed-events";
import { contentOf } from "../src/scale-out/codec";
import { StreamOut } from "../src/scale-out/stream-out";
import { readOutSettings } from "../src/scale-out/stream-settings";
import { outStatus } from "../src/scale-out/stream-status";

type StreamOutConfig = NodeDef & Record<string, unknown>;

/** Node-RED gives a node 15 s to close. */
const FLUSH_MS = 9000;

export = function (RED: NodeAPI) {
  const translate: Translate = RED._;
  serveMetrics(RED);
  const starts = flowStarts(RED.events);
  serveEnvironment(RED as unknown as DialogHost);

  function EventStreamOut(this: Node & PackedLinesNode, config: StreamOutConfig) {
    RED.nodes.createNode(this, config);
    const raise = starts.watch(this);
    const registry = deliveryRegistry();
    const sink = sinkId(this);
    const status = new StatusLine(this, translate);
    const stats = new NodeStats(this);
    const explain = (error: unknown) => stats.failed(localise(translate, error));
    let out: StreamOut;
    let channel: string;
    let queueBytes: number;
    try {
      checkVariables(config);
      const settings = readOutSettings(config);
      const link = linkOf(RED.nodes, config["connection"], this);
      channel = settings.channel;
      queueBytes = settings.limits.bytes;
      out = new StreamOut(settings, {
        link, clock: systemClock,
        changed: () => status.showLazily(() => outStatus(out, link)),
        trouble: (error) => raise(explain(error)),
      });
    } catch (error) {
      const reason = explain(error);
      raise(reason);
      return failMessages(this, reason, { status, stats });
    }
    this.takesPackedLines = true;
    stats.figures = () => out.figures;
    out.start();

    /** Names of properties that were left out and told. */
    const told = new Set<string>();
    const tellLeftOut = (names: readonly string[]) => {
      const news = names.filter((name) => told.size < 100 && !told.has(name));
      for (const name of news) told.add(name);
      if (news.length > 0) this.warn(translate("warning.leftOut", plain.params({ names: news.join(", ") })));
    };

    this.on("input", (input, send, done) => {
      const message = input as FlowMessage;
      if (stats.answer(message)) {
        send(input);
        return done();
      }
      // The page was sent again because another sink has not confirmed it.
      if (registry.hasConfirmed(message, sink)) return done();
      // Whoever gets the message afterwards finds texts: packed lines are released when they are stored.
      const packed = isFollowed(RED.nodes, this) ? undefined : packedLines(message);
      const content = contentOf(channel, message, packed);
      tellLeftOut(content.leftOut);
      const bytes = packed?.bytes ?? payloadBytes(message.payload, queueBytes) + bytesBeside(message, "payload");
      const release = registry.hold(message, sink);
      out.push(content, bytes, (error, aside) => {
        packed?.release();
        const rejected = aside.map(({ value, reason }) => setAside(message, value, explain(reason)));
        if (aside[0] !== undefined) this.warn(translate("warning.setAside", plain.params({ count: aside.length, events: content.length, reason: localise(translate, aside[0].reason) })));
        if (error === undefined) registry.confirm(message, sink);
        release();
        if (error !== undefined) return done(explain(error));
        send([input, rejected] as never);
        done();
      });
    });

    this.on("close", (_removed: boolean, done: () => void) => {
      void out.close(FLUSH_MS).then(() => {
        stats.close();
        status.close();
        done();
      });
    });
  }
  RED.nodes.registerType("event-stream-out", EventStreamOut as never);
};
