import { hostname } from "node:os";
import type { Node, NodeAPI, NodeDef } from "node-red";
import { deliveryRegistry } from "../src/delivery/registry";
import type { FlowMessage } from "../src/messages";
import { sinkId } from "../src/node/sinks";
import { StatusLine, localise, type Translate } from "../src/node/report";
import { tlsOptions, type TlsConfigNode } from "../src/node/tls";
import { systemClock } from "../src/syslog/clock";
import { linesOf, type Line } from "../src/syslog/lines";
import type { Sender } from "../src/syslog/sender";
import { createSender, readSettings } from "../src/syslog/settings";
import { senderStatus } from "../src/syslog/status";

type SyslogConfig = NodeDef & Record<string, unknown>;

/** Node-RED gives a node 15 s to close; the goodbye to the server comes after this. */
const FLUSH_MS = 9000;

export = function (RED: NodeAPI) {
  const translate: Translate = RED._;

  function SyslogOut(this: Node, config: SyslogConfig) {
    RED.nodes.createNode(this, config);
    const registry = deliveryRegistry();
    const sink = sinkId(this);
    const status = new StatusLine(this, translate);
    const tls = () => tlsOptions(Boolean(config["tls"]), RED.nodes.getNode(String(config["tls"])) as unknown as TlsConfigNode | null);

    let sender: Sender;
    let limit: number;
    try {
      const settings = readSettings(config);
      limit = settings.maxBytes;
      sender = createSender(
        settings,
        { clock: systemClock, random: Math.random, systemHostname: hostname(), processId: process.pid, tls: settings.transport === "tls" ? tls() : {} },
        { changed: () => status.show(...senderStatus(sender)), outage: (error) => this.error(localise(translate, error), {}) },
      );
    } catch (error) {
      const reason = localise(translate, error);
      this.error(reason, {});
      status.show("red", "common.status.badConfig");
      this.on("input", (_message, _send, done) => done(reason));
      this.on("close", () => status.close());
      return;
    }
    sender.start();

    this.on("input", (input, send, done) => {
      const message = input as FlowMessage;
      // It comes again because another sink has not confirmed it.
      if (registry.hasConfirmed(message, sink)) return done();
      let lines: readonly Line[];
      try {
        lines = linesOf(message.payload);
      } catch (error) {
        done(localise(translate, error));
        return;
      }
      const release = registry.hold(message, sink);
      sender.push(lines, (error, shortened) => {
        if (shortened > 0) this.warn(translate("warning.shortened", { count: shortened, lines: lines.length, limit }));
        if (error === undefined) registry.confirm(message, sink);
        release();
        if (error === undefined) {
          send(input);
          done();
        } else {
          done(localise(translate, error));
        }
      });
    });

    this.on("close", (_removed: boolean, done: () => void) => {
      void sender.close(FLUSH_MS).then(() => {
        status.close();
        done();
      });
    });
  }
  RED.nodes.registerType("syslog-out", SyslogOut as never);
};
