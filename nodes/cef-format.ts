import type { Node, NodeAPI, NodeDef, NodeMessage } from "node-red";
import { cefError } from "../src/cef/errors";
import { FormatQueue } from "../src/cef/queue";
import { readFormatters, type ChooseFormatter } from "../src/cef/settings";
import type { SiemError } from "../src/errors";
import type { FlowMessage } from "../src/messages";
import { textProperty } from "../src/node/config";
import { StatusLine, localise } from "../src/node/report";

type FormatConfig = NodeDef & Record<string, unknown>;

export = function (RED: NodeAPI) {
  const translate = RED._;

  function CefFormat(this: Node, config: FormatConfig) {
    RED.nodes.createNode(this, config);
    const status = new StatusLine(this, translate);
    const queue = new FormatQueue({ now: () => performance.now(), defer: (run) => void setImmediate(run) });
    let chooseFormatter: ChooseFormatter;
    let property: string;
    try {
      property = textProperty(config, "property", "payload");
      chooseFormatter = readFormatters(config);
    } catch (error) {
      const reason = localise(translate, error);
      this.error(reason);
      status.show("red", "common.status.badConfig");
      this.on("input", (_message, _send, done) => done(reason));
      this.on("close", () => status.close());
      return;
    }

    /** What stands at the property; undefined also if the way there is blocked. */
    const read = (message: NodeMessage): unknown => {
      try {
        return RED.util.getMessageProperty(message, property) as unknown;
      } catch {
        return undefined;
      }
    };
    let formatted = 0;
    let unformatted = 0;

    this.on("input", (input, send, done) => {
      const message = input as FlowMessage;
      const fail = (error: unknown) => done(localise(translate, error));
      try {
        const value = read(input);
        if (value === undefined) throw cefError("PROPERTY_MISSING", { property });
        const isPage = Array.isArray(value);
        queue.push({
          events: isPage ? value : [value],
          formatter: chooseFormatter(message.kind),
          finished: (lines, failures) => {
            RED.util.setMessageProperty(input, property, isPage ? lines : lines[0], false);
            // The events themselves, whole, beside the minimal lines that travel on. Only the lines stand for the delivery.
            const aside = failures.map(({ event, reason }) => {
              const { message: text, code } = localise(translate, reason) as SiemError;
              return { topic: message.topic, kind: message.kind, payload: event, error: { code, message: text } };
            });
            if (aside[0] !== undefined) {
              message["cef"] = { failed: aside.length };
              this.warn(translate("warning.failed", { count: aside.length, reason: aside[0].error.message }));
            }
            formatted += lines.length - aside.length;
            unformatted += aside.length;
            if (unformatted > 0) status.show("yellow", "status.failed", { count: unformatted });
            else status.show("green", "status.formatted", { count: formatted });
            send([input, aside as NodeMessage[]]);
            done();
          },
          abandoned: () => fail(cefError("STOPPED")),
        });
      } catch (error) {
        fail(error);
      }
    });

    this.on("close", () => {
      queue.close();
      status.close();
    });
  }
  RED.nodes.registerType("cef-format", CefFormat as never);
};
