import type { Node, NodeAPI, NodeDef, NodeMessage } from "node-red";
import { previewLine } from "../src/cef/explain";
import { MessageFormatter } from "../src/cef/message-formatter";
import { FormatQueue } from "../src/cef/queue";
import { readFormatters } from "../src/cef/settings";
import { plain } from "../src/common/border";
import { checkVariables } from "../src/common/environment";
import type { FlowMessage } from "../src/common/messages";
import { inHand } from "../src/delivery/in-hand";
import { deliveryRegistry } from "../src/delivery/registry";
import { serveDialog } from "../src/node-red/dialog-route";
import { textProperty } from "../src/common/properties";
import { packPayload, packedEvents } from "../src/pages/packed-events";
import { PackedLines } from "../src/pages/packed-lines";
import { flowStarts } from "../src/node-red/flow-starts";
import { takesPackedLines, type FormatNode } from "../src/node-red/receivers";
import { StatusLine, localise, setAside } from "../src/node-red/report";
import { serveEnvironment } from "../src/node-red/environment-route";
import { serveMetrics } from "../src/node-red/metrics-route";
import { NodeStats } from "../src/node-red/stats";
import { failMessages } from "../src/node-red/wrong-settings";
import { editedForm, explained } from "../src/node-red/try-it";
import type { DialogHost, Translate } from "../src/node-red/host";

type FormatConfig = NodeDef & Record<string, unknown>;

export = function (RED: NodeAPI) {
  const translate: Translate = RED._;
  serveMetrics(RED);
  const starts = flowStarts(RED.events);
  serveEnvironment(RED as unknown as DialogHost);

  function CefFormat(this: Node & { settings: FormatConfig }, config: FormatConfig) {
    RED.nodes.createNode(this, config);
    const raise = starts.watch(this);
    this.settings = config;
    const status = new StatusLine(this, translate);
    const stats = new NodeStats(this);
    const explain = (error: unknown) => stats.failed(localise(translate, error));
    const queue = new FormatQueue({ now: () => performance.now(), defer: (run) => void setImmediate(run) });
    let property: string;
    let formatter: MessageFormatter;
    try {
      checkVariables(config);
      property = textProperty(config, "property", "payload");
      const chooseFormatter = readFormatters(config);
      formatter = new MessageFormatter(property, chooseFormatter, { queue, inHand: inHand(), registry: deliveryRegistry() });
      if (property === "payload") (this as Node & FormatNode).formatterOf = chooseFormatter;
    } catch (error) {
      const reason = explain(error);
      raise(reason);
      return failMessages(this, reason, { status, stats });
    }

    stats.figures = () => formatter.figures;

    /** The value of the property; undefined if it, or an object on its path, is missing. */
    const read = (message: NodeMessage): unknown => {
      try {
        return RED.util.getMessageProperty(message, property) as unknown;
      } catch {
        return undefined;
      }
    };

    this.on("input", (input, send, done) => {
      const message = input as FlowMessage;
      if (stats.answer(message)) {
        send(input);
        return done();
      }
      const packed = property === "payload" ? packedEvents(message) : undefined;
      formatter.push(message, packed ?? read(input), (result) => {
        if ("error" in result) return done(explain(result.error));
        const { lines, failures } = result;
        if (!(lines instanceof PackedLines)) RED.util.setMessageProperty(input, property, lines, false);
        else if (takesPackedLines(RED.nodes, this)) packPayload(message, lines);
        else message.payload = lines.unpackAtOnce();
        const aside = failures.map(({ event, reason }) => setAside(message, event, explain(reason)));
        if (failures[0] !== undefined) {
          message["cef"] = { failed: failures.length };
          this.warn(translate("warning.failed", plain.params({ count: failures.length, reason: localise(translate, failures[0].reason) })));
        }
        if (formatter.unformatted > 0) status.show("yellow", "status.failed", { count: formatter.unformatted });
        else status.show("green", "status.formatted", { count: formatter.formatted });
        send([input, aside]);
        done();
      });
    });

    this.on("close", () => {
      queue.close();
      stats.close();
      status.close();
    });
  }
  RED.nodes.registerType("cef-format", CefFormat as never);

  serveDialog(RED as unknown as DialogHost, "post", "cef-format/preview", "cef-format.write", ({ body }) => {
    const { settings, question: { kind, event } } = editedForm(RED as unknown as DialogHost, "cef-format", body);
    const { failure, ...preview } = previewLine(settings, typeof kind === "string" ? kind : "", typeof event === "string" ? event : "");
    return { ...preview, ...(failure === undefined ? {} : { failure: explained(translate, failure) }) };
  });
};
