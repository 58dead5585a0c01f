import type { Node, NodeAPI, NodeDef } from "node-red";
import { CursorPanel } from "../src/code42/query/cursor-panel";
import { queryError } from "../src/code42/errors";
import { parseSettings } from "../src/code42/query/query-settings";
import { QueryRunner } from "../src/code42/query/query-runner";
import type { TenantNode } from "../src/code42/tenant/tenant";
import { CursorClaims } from "../src/cursor/context-store";
import { storeTable } from "../src/cursor/store-safety";
import { deliveryRegistry } from "../src/delivery/registry";
import { checkVariables } from "../src/common/environment";
import type { Properties } from "../src/common/properties";
import { cursorPlace } from "../src/node-red/cursor-place";
import { flowStarts } from "../src/node-red/flow-starts";
import { linkOf } from "../src/node-red/nats-link";
import { serveQueryDialog, type QueryDialogNode } from "../src/node-red/query-dialog";
import { hasSeveralReceivers, nextFormatter } from "../src/node-red/receivers";
import { checkSinks, nodeName } from "../src/node-red/sinks";
import { StatusLine, localise } from "../src/node-red/report";
import { serveEnvironment } from "../src/node-red/environment-route";
import { serveMetrics } from "../src/node-red/metrics-route";
import { NodeStats } from "../src/node-red/stats";
import type { DialogHost, Translate } from "../src/node-red/host";

type QueryConfig = NodeDef & Record<string, unknown> & { tenant: string };
type QueryNode = Node & QueryDialogNode & { settings: Properties };

export = function (RED: NodeAPI) {
  const translate: Translate = RED._;
  let claims: CursorClaims | undefined;
  serveMetrics(RED);
  const starts = flowStarts(RED.events);
  serveEnvironment(RED as unknown as DialogHost);
  const nameOf = (id: string) => nodeName(RED.nodes, id);

  function Code42Query(this: QueryNode, config: QueryConfig) {
    RED.nodes.createNode(this, config);
    const raise = starts.watch(this, () => runner?.flowChanged());
    this.settings = config;
    const status = new StatusLine(this, translate);
    const warn = (key: string, params = {}) => this.warn(translate(key, params));
    let release: () => void = () => undefined;
    let runner: QueryRunner | undefined;
    const stats = new NodeStats(this, () => runner?.figures ?? {});
    const explain = (error: unknown) => stats.failed(localise(translate, error));
    let configError: Error | undefined;
    try {
      checkVariables(config);
      const { warnings, ...settings } = parseSettings(config);
      for (const { key, params } of warnings) warn(key, params);
      const place = cursorPlace({
        id: this.id, z: this.z, name: this.name ?? this.id, claims: (claims ??= new CursorClaims()),
        context: () => this.context(),
        parseContextStore: (text) => RED.util.parseContextStore(text) as { key: string; store?: string },
        contextStorage: (RED.settings as { contextStorage?: unknown }).contextStorage,
        link: (id) => linkOf(RED.nodes, id, this),
        nodeName: nameOf,
        warn,
        error: (error) => raise(explain(error)),
      }, settings);
      release = place.release;
      runner = new QueryRunner({ ...settings, cursorKey: place.key }, {
        api: () => {
          checkSinks(settings.confirmedBy, RED.nodes);
          const tenant = RED.nodes.getNode(config.tenant) as (Node & TenantNode) | null;
          if (tenant == null) throw queryError("TENANT_MISSING", {}, { permanent: true });
          return tenant.getTenant();
        },
        store: place.store,
        lease: place.shared?.lease,
        registry: deliveryRegistry(),
        send: (message) => this.send(message as never),
        copies: () => hasSeveralReceivers(this),
        nextFormatter: () => nextFormatter(RED.nodes, this, settings.source.kind),
        status: (colour, text, params) => status.show(colour, text, params),
        error: (error) => raise(explain(error)),
        warn,
        text: translate,
        nodeName: nameOf,
        now: Date.now,
        monotonic: () => performance.now(),
        random: Math.random,
      });
      const panel = new CursorPanel(runner, place);
      this.cursorPanel = () => panel;
      runner.start();
    } catch (error) {
      configError = explain(error);
      this.cursorPanel = () => {
        throw error;
      };
      raise(configError);
      status.show("red", "common.status.badConfig");
    }

    this.on("input", (message, send, done) => {
      if (stats.answer(message)) {
        send(message);
        return done();
      }
      if (runner === undefined) return done(configError);
      runner.act(message).then(() => done(), (error: unknown) => done(explain(error)));
    });

    this.on("close", (done: () => void) => {
      void (runner?.close() ?? Promise.resolve()).finally(() => {
        release();
        stats.close();
        status.close();
        done();
      });
    });
  }
  RED.nodes.registerType("code42-query", Code42Query as never, {
    settings: { code42QueryStores: { value: storeTable((RED.settings as { contextStorage?: unknown }).contextStorage), exportable: true } },
  });
  serveQueryDialog(RED as unknown as DialogHost);
};
