import { hostname } from "node:os";
import type { Node, NodeAPI, NodeDef } from "node-red";
import { plain } from "../src/common/border";
import { deliveryRegistry } from "../src/delivery/registry";
import { checkVariables } from "../src/common/environment";
import type { FlowMessage } from "../src/common/messages";
import { serveDialog } from "../src/node-red/dialog-route";
import { sinkId } from "../src/node-red/sinks";
import { StatusLine, localise, setAside } from "../src/node-red/report";
import { serveEnvironment } from "../src/node-red/environment-route";
import { serveMetrics } from "../src/node-red/metrics-route";
import { NodeStats } from "../src/node-red/stats";
import { failMessages } from "../src/node-red/wrong-settings";
import { tlsOptions, type TlsConfigNode } from "../src/node-red/tls";
import { editedForm } from "../src/node-red/try-it";
import { bytesBeside } from "../src/common/retained-bytes";
import { systemClock } from "../src/common/clock";
import { ownAddresses } from "../src/common/own-addresses";
import { packedLines } from "../src/pages/packed-events";
import { flowStarts } from "../src/node-red/flow-starts";
import { isFollowed, type PackedLinesNode } from "../src/node-red/receivers";
import type { DialogHost, Translate } from "../src/node-red/host";
import { linesOf, type LineList } from "../src/syslog/lines";
import type { Sender } from "../src/syslog/sender";
import { createSender, readSettings, usesTls, type TransportName } from "../src/syslog/settings";
import { senderStatus } from "../src/syslog/status";
import { sendTestMessage } from "../src/syslog/test-message";

type SyslogConfig = NodeDef & Record<string, unknown>;

/** Node-RED gives a node 15 s to close; the goodbye to the server comes after this. */
const FLUSH_MS = 9000;
const TEST_MS = 15_000;

export = function (RED: NodeAPI) {
  const translate: Translate = RED._;
  serveMetrics(RED);
  const starts = flowStarts(RED.events);
  serveEnvironment(RED as unknown as DialogHost);

  /** What a sender needs beside its settings: clock, names of the machine, TLS options of the configuration node. */
  const surroundings = (config: Record<string, unknown>, transport: TransportName) => {
    const tls = () => tlsOptions(Boolean(config["tls"]), RED.nodes.getNode(String(config["tls"])) as unknown as TlsConfigNode | null);
    return {
      clock: systemClock, random: Math.random, systemHostname: hostname(), systemAddresses: ownAddresses(), processId: process.pid,
      tls: usesTls(transport) ? tls() : {},
    };
  };

  function SyslogOut(this: Node & PackedLinesNode & { settings: SyslogConfig }, config: SyslogConfig) {
    RED.nodes.createNode(this, config);
    const raise = starts.watch(this);
    this.settings = config;
    const registry = deliveryRegistry();
    const sink = sinkId(this);
    const status = new StatusLine(this, translate);
    const stats = new NodeStats(this);
    const explain = (error: unknown) => stats.failed(localise(translate, error));
    let sender: Sender;
    let limit: number;
    try {
      checkVariables(config);
      const settings = readSettings(config);
      limit = settings.maxBytes;
      sender = createSender(
        settings,
        surroundings(config, settings.transport),
        {
          changed: () => status.show(...senderStatus(sender)),
          outage: (error) => raise(explain(error)),
          noEvidence: () => this.debug(translate("debug.noEvidence")),
        },
      );
    } catch (error) {
      const reason = explain(error);
      raise(reason);
      return failMessages(this, reason, { status, stats });
    }
    this.takesPackedLines = true;
    stats.figures = () => sender.figures;
    sender.start();

    this.on("input", (input, send, done) => {
      const message = input as FlowMessage;
      if (stats.answer(message)) {
        send(input);
        return done();
      }
      // The page was sent again because another sink has not confirmed it.
      if (registry.hasConfirmed(message, sink)) return done();
      let lines: LineList;
      try {
        // Whoever gets the message afterwards finds texts: packed lines are released when they were sent.
        const packed = isFollowed(RED.nodes, this) ? undefined : packedLines(message);
        lines = packed ?? linesOf(message.payload, bytesBeside(message, "payload"));
      } catch (error) {
        done(explain(error));
        return;
      }
      const release = registry.hold(message, sink);
      sender.push(lines, (error, { shortened, undeliverable }) => {
        if (shortened > 0) this.warn(translate("warning.shortened", { count: shortened, lines: lines.length, limit }));
        const aside = undeliverable.map(({ line, reason }) => setAside(message, line, explain(reason)));
        if (undeliverable[0] !== undefined) {
          this.warn(translate("warning.undeliverable", plain.params({ count: aside.length, lines: lines.length, reason: localise(translate, undeliverable[0].reason) })));
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

  serveDialog(RED as unknown as DialogHost, "post", "syslog-out/test", "syslog-out.write", async ({ body }) => {
    const { settings: form } = editedForm(RED as unknown as DialogHost, "syslog-out", body);
    const settings = readSettings(form);
    return { ...await sendTestMessage(settings, surroundings(form, settings.transport), TEST_MS), ...plain.params({ host: settings.host, port: settings.port }) };
  });
};
