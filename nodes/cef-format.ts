import type { Node, NodeAPI, NodeDef, NodeMessage } from "node-red";
import { cefError } from "../src/cef/errors";
import { previewLine } from "../src/cef/explain";
import { FormatQueue } from "../src/cef/queue";
import { readFormatters, type ChooseFormatter } from "../src/cef/settings";
import { checkVariables } from "../src/common/environment";
import type { FlowMessage } from "../src/common/messages";
import { serveDialog } from "../src/node-red/dialog-route";
import { textProperty } from "../src/common/properties";
import { packPayload, packedEvents } from "../src/pages/packed-events";
import { PackedLines } from "../src/pages/packed-lines";
import { takesPackedLines, type FormatNode } from "../src/node-red/receivers";
import { StatusLine, localise, setAside } from "../src/node-red/report";
import { serveEnvironment } from "../src/node-red/environment-route";
import { serveMetrics } from "../src/node-red/metrics-route";
import { NodeStats } from "../src/node-red/stats";
import { editedForm, explained } from "../src/node-red/try-it";
import type { DialogHost } from "../src/node-red/host";

type FormatConfig = NodeDef & Record<string, unknown>;

export = function (RED: NodeAPI) {
  const translate = RED._;
  serveMetrics(RED);
  serveEnvironment(RED as unknown as DialogHost);

  function CefFormat(this: Node & { settings: FormatConfig }, config: FormatConfig) {
    RED.nodes.createNode(this, config);
    this.settings = config;
    const status = new StatusLine(this, translate);
    const queue = new FormatQueue({ now: () => performance.now(), defer: (run) => void setImmediate(run) });
    let formatted = 0;
    let unformatted = 0;
    const stats = new NodeStats(this, () => ({ received: formatted + unformatted, sent: formatted, failed: unformatted }));
    const explain = (error: unknown) => stats.failed(localise(translate, error));
    let chooseFormatter: ChooseFormatter;
    let property: string;
    try {
      checkVariables(config);
      property = textProperty(config, "property", "payload");
      chooseFormatter = readFormatters(config);
    } catch (error) {
      const reason = explain(error);
      this.error(reason);
      status.show("red", "common.status.badConfig");
      this.on("input", (_message, _send, done) => done(reason));
      this.on("close", () => {
        stats.close();
        status.close();
      });
      return;
    }

    if (property === "payload") (this as Node & FormatNode).formatterOf = chooseFormatter;

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
      const fail = (error: unknown) => done(explain(error));
      if (stats.answer(message)) {
        send(input);
        return done();
      }
      try {
        const packed = property === "payload" ? packedEvents(message) : undefined;
        const value = packed === undefined ? read(input) : [];
        if (value === undefined) throw cefError("PROPERTY_MISSING", { property });
        const isPage = Array.isArray(value);
        const formatter = chooseFormatter(message.kind);
        queue.push({
          formatter,
          ready: packed?.takeLines(formatter),
          slices: packed?.slices() ?? [isPage ? value : [value]].values(),
          finished: (lines, failures) => {
            if (!(lines instanceof PackedLines)) RED.util.setMessageProperty(input, property, isPage ? lines : lines[0], false);
            else if (takesPackedLines(RED.nodes, this)) packPayload(message, lines);
            else message.payload = lines.unpackAtOnce();
            const aside = failures.map(({ event, reason }) => setAside(message, event, explain(reason)));
            if (failures[0] !== undefined) {
              message["cef"] = { failed: failures.length };
              this.warn(translate("warning.failed", { count: failures.length, reason: localise(translate, failures[0].reason).message }));
            }
            formatted += lines.length - aside.length;
            unformatted += aside.length;
            if (unformatted > 0) status.show("yellow", "status.failed", { count: unformatted });
            else status.show("green", "status.formatted", { count: formatted });
            send([input, aside]);
            done();
          },
          failed: fail,
          abandoned: () => fail(cefError("STOPPED")),
        });
      } catch (error) {
        fail(error);
      }
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
