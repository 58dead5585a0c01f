import type { Node, NodeAPI, NodeDef, NodeMessage } from "node-red";
import { cefError } from "../src/cef/errors";
import { previewLine } from "../src/cef/explain";
import { FormatQueue, MOST_BYTES } from "../src/cef/queue";
import { readFormatters, type ChooseFormatter } from "../src/cef/settings";
import { SiemError } from "../src/common/errors";
import { plain } from "../src/common/border";
import { checkVariables } from "../src/common/environment";
import type { FlowMessage } from "../src/common/messages";
import { retainedBytes } from "../src/common/retained-bytes";
import { inHand } from "../src/delivery/in-hand";
import { deliveryRegistry } from "../src/delivery/registry";
import { serveDialog } from "../src/node-red/dialog-route";
import { textProperty } from "../src/common/properties";
import { packPayload, packedEvents } from "../src/pages/packed-events";
import { PackedLines } from "../src/pages/packed-lines";
import { ErrorRaiser } from "../src/node-red/error-raiser";
import { takesPackedLines, type FormatNode } from "../src/node-red/receivers";
import { StatusLine, localise, setAside } from "../src/node-red/report";
import { serveEnvironment } from "../src/node-red/environment-route";
import { serveMetrics } from "../src/node-red/metrics-route";
import { NodeStats } from "../src/node-red/stats";
import { editedForm, explained } from "../src/node-red/try-it";
import type { DialogHost, Translate } from "../src/node-red/host";

type FormatConfig = NodeDef & Record<string, unknown>;

export = function (RED: NodeAPI) {
  const translate: Translate = RED._;
  serveMetrics(RED);
  const errors = new ErrorRaiser(RED.events);
  serveEnvironment(RED as unknown as DialogHost);

  function CefFormat(this: Node & { settings: FormatConfig }, config: FormatConfig) {
    RED.nodes.createNode(this, config);
    const raise = errors.of(this);
    this.settings = config;
    const status = new StatusLine(this, translate);
    const queue = new FormatQueue({ now: () => performance.now(), defer: (run) => void setImmediate(run) });
    let received = 0;
    let formatted = 0;
    let unformatted = 0;
    const dropped = { queue_full: 0, stopped: 0, unusable: 0 };
    const stats = new NodeStats(this, () => ({ received, sent: formatted, failed: unformatted, dropped: { ...dropped }, waiting: queue.events }));
    const explain = (error: unknown) => stats.failed(localise(translate, error));
    let chooseFormatter: ChooseFormatter;
    let property: string;
    try {
      checkVariables(config);
      property = textProperty(config, "property", "payload");
      chooseFormatter = readFormatters(config);
    } catch (error) {
      const reason = explain(error);
      raise(reason);
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
      if (stats.answer(message)) {
        send(input);
        return done();
      }
      const packed = property === "payload" ? packedEvents(message) : undefined;
      const value = packed === undefined ? read(input) : [];
      const isPage = Array.isArray(value);
      const events = packed?.length ?? (isPage ? value.length : 1);
      received += events;
      const drop = (reason: keyof typeof dropped, error: unknown) => {
        dropped[reason] += events;
        done(explain(error));
      };
      let ready: PackedLines | undefined;
      let release: () => void = () => undefined;
      try {
        if (value === undefined) throw cefError("PROPERTY_MISSING", plain.params({ property }));
        const formatter = chooseFormatter(message.kind);
        ready = packed?.takeLines(formatter);
        // The events of a packed page are compressed and its query counts them; its lines are not.
        const bytes = packed === undefined ? retainedBytes(value, MOST_BYTES) : ready?.bytes ?? 0;
        release = inHand().take(input._msgid, events, bytes);
        queue.push({
          events, bytes, formatter, ready,
          slices: packed?.slices() ?? [isPage ? value : [value]].values(),
          finished: (lines, failures) => {
            if (!(lines instanceof PackedLines)) RED.util.setMessageProperty(input, property, isPage ? lines : lines[0], false);
            else if (takesPackedLines(RED.nodes, this)) packPayload(message, lines);
            else message.payload = lines.unpackAtOnce();
            const aside = failures.map(({ event, reason }) => setAside(message, event, explain(reason)));
            if (failures[0] !== undefined) {
              message["cef"] = { failed: failures.length };
              this.warn(translate("warning.failed", plain.params({ count: failures.length, reason: localise(translate, failures[0].reason) })));
            }
            formatted += lines.length - aside.length;
            unformatted += aside.length;
            if (unformatted > 0) status.show("yellow", "status.failed", { count: unformatted });
            else status.show("green", "status.formatted", { count: formatted });
            send([input, aside]);
            release();
            done();
          },
          failed: (error) => {
            release();
            drop("unusable", error);
          },
          abandoned: () => {
            release();
            drop("stopped", cefError("STOPPED"));
          },
        });
      } catch (error) {
        release();
        ready?.release();
        const isFull = error instanceof SiemError && error.code === "FORMAT_QUEUE_FULL";
        drop(isFull ? "queue_full" : "unusable", error);
        // The query sends the page again.
        if (isFull) deliveryRegistry().reject(message, error);
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
