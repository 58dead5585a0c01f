import { hostname } from "node:os";
import type { Node, NodeAPI, NodeDef } from "node-red";
import { deliveryRegistry } from "../src/delivery/registry";
import type { FlowMessage } from "../src/messages";
import { sinkId } from "../src/node/sinks";
import { StatusLine, localise, setAside, type Translate } from "../src/node/report";
import { serveMetrics } from "../src/node/metrics-route";
import { NodeStats } from "../src/node/stats";
import { tlsOptions, type TlsConfigNode } from "../src/node/tls";
import { systemClock } from "../src/syslog/clock";
import { linesOf, type Line } from "../src/syslog/lines";
import type { Sender } from "../src/syslog/sender";
import { createSender, readSettings, usesTls } from "../src/syslog/settings";
import { senderStatus } from "../src/syslog/status";

type SyslogConfig = NodeDef & Record<string, unknown>;

/** Node-RED gives a node 15 s to close; the goodbye to the server comes after this. */
const FLUSH_MS = 9000;

export = function (RED: NodeAPI) {
  const translate: Translate = RED._;
  serveMetrics(RED);

  function SyslogOut(this: Node, config: SyslogConfig) {
    RED.nodes.createNode(this, config);
    const registry = deliveryRegistry();
    const sink = sinkId(this);
    const status = new StatusLine(this, translate);
    const tls = () => tlsOptions(Boolean(config["tls"]), RED.nodes.getNode(String(config["tls"])) as unknown as TlsConfigNode | null);

    const stats = new NodeStats(this);
    const explain = (error: unknown) => stats.failed(localise(translate, error));
    let sender: Sender;
    let limit: number;
    try {
      const settings = readSettings(config);
      limit = settings.maxBytes;
      sender = createSender(
        settings,
        { clock: systemClock, random: Math.random, systemHostname: hostname(), processId: process.pid, tls: usesTls(settings.transport) ? tls() : {} },
        { changed: () => status.show(...senderStatus(sender)), outage: (error) => this.error(explain(error), {}) },
      );
    } catch (error) {
      const reason = explain(error);
      this.error(reason, {});
      status.show("red", "common.status.badConfig");
      this.on("input", (_message, _send, done) => done(reason));
      this.on("close", () => {
        stats.close();
        status.close();
      });
      return;
    }
    stats.figures = () => sender.figures;
    sender.start();

    this.on("input", (input, send, done) => {
      const message = input as FlowMessage;
      if (stats.answer(message)) {
        send(input);
        return done();
      }
      // It comes again because another sink has not confirmed it.
      if (registry.hasConfirmed(message, sink)) return done();
      let lines: readonly Line[];
      try {
        lines = linesOf(message.payload);
      } catch (error) {
        done(explain(error));
        return;
      }
      const release = registry.hold(message, sink);
      sender.push(lines, (error, { shortened, undeliverable }) => {
        if (shortened > 0) this.warn(translate("warning.shortened", { count: shortened, lines: lines.length, limit }));
        const aside = undeliverable.map(({ line, reason }) => setAside(message, line, explain(reason)));
        if (undeliverable[0] !== undefined) {
          this.warn(translate("warning.undeliverable", { count: aside.length, lines: lines.length, reason: localise(translate, undeliverable[0].reason).message }));
        }
        if (error === undefined) registry.confirm(message, sink);
        release();
        if (error === undefined) {
          send([input, aside]);
          done();
        } else {
          done(explain(error));
        }
      });
    });

    this.on("close", (_removed: boolean, done: () => void) => {
      void sender.close(FLUSH_MS).then(() => {
        stats.close();
        status.close();
        done();
      });
    });
  }
  RED.nodes.registerType("syslog-out", SyslogOut as never);
};
