import type { Node, NodeAPI, NodeDef } from "node-red";
import { parseSettings, type CursorType } from "../src/code42/query-settings";
import { QueryRunner } from "../src/code42/query-runner";
import type { TenantNode } from "../src/code42/tenant";
import { queryError } from "../src/code42/errors";
import { ContextSlot, CursorClaims, cursorKey, noStore, storeSafety, type CursorStore } from "../src/cursor/context-store";
import { TwoSlotStore, spareSlot, type ContextScope } from "../src/cursor/two-slot-store";
import { deliveryRegistry } from "../src/delivery/registry";
import { hasSeveralReceivers, nextFormatter } from "../src/node/receivers";
import { checkSinks } from "../src/node/sinks";
import { StatusLine, localise } from "../src/node/report";
import { serveMetrics } from "../src/node/metrics-route";
import { NodeStats } from "../src/node/stats";

type QueryConfig = NodeDef & Record<string, unknown> & { tenant: string };

export = function (RED: NodeAPI) {
  const translate = RED._;
  let claims: CursorClaims | undefined;
  serveMetrics(RED);
  const allNodes = () => {
    const nodes: (NodeDef & { d?: boolean })[] = [];
    RED.nodes.eachNode((node) => nodes.push(node));
    return nodes;
  };

  /** Where the cursor of `node` is kept, claimed for it. Throws CURSOR_KEY_INVALID, STORE_UNKNOWN, CURSOR_IN_USE. */
  function cursorPlace(node: Node, cursorType: CursorType, cursor: string): { key: string; store: CursorStore; release: () => void } {
    if (cursorType === "none") return { key: "", store: noStore, release: () => undefined };
    const warn = (name: string, params: Record<string, unknown>) => node.warn(translate(name, params as never));
    const { key, store } = RED.util.parseContextStore(cursor) as { key: string; store?: string };
    cursorKey(key);
    const safety = storeSafety((RED.settings as { contextStorage?: unknown }).contextStorage, store);
    const scope = { global: "global", flow: `flow ${node.z}`, node: `node ${node.id}` }[cursorType];
    claims ??= new CursorClaims();
    const release = claims.claim(`${scope} ${safety.name} ${key}`, key, { id: node.id, name: node.name ?? node.id });
    if (safety.kind === "memory") warn("warning.storeMemory", { store: safety.name });
    if (safety.kind === "cached") warn("warning.storeCached", { store: safety.name, seconds: safety.seconds });
    const context = node.context();
    const slot = (at: ContextScope, slotKey: string) => new ContextSlot(at === "node" ? context : context[at], slotKey, store);
    const spare = spareSlot(cursorType, key, node.id);
    const restored = () => warn("warning.cursorRestored", { key, store: safety.name });
    return { key, release, store: new TwoSlotStore(slot(cursorType, key), slot(spare.scope, spare.key), key, restored) };
  }

  function Code42Query(this: Node, config: QueryConfig) {
    RED.nodes.createNode(this, config);
    const status = new StatusLine(this, translate);
    const warn = (key: string, params = {}) => this.warn(translate(key, params));
    let release: () => void = () => undefined;
    let runner: QueryRunner | undefined;
    const stats = new NodeStats(this, () => runner?.figures ?? {});
    const explain = (error: unknown) => stats.failed(localise(translate, error));
    let configError: Error | undefined;
    try {
      const { cursorType, cursor, warnings, ...settings } = parseSettings(config);
      for (const { key, params } of warnings) warn(key, params);
      const place = cursorPlace(this, cursorType, cursor);
      release = place.release;
      runner = new QueryRunner({ ...settings, cursorKey: place.key }, {
        api: () => {
          checkSinks(settings.confirmedBy, allNodes());
          const tenant = RED.nodes.getNode(config.tenant) as (Node & TenantNode) | null;
          if (tenant == null) throw queryError("TENANT_MISSING", {}, { permanent: true });
          return tenant.getTenant();
        },
        store: place.store,
        registry: deliveryRegistry(),
        send: (message) => this.send(message as never),
        copies: () => hasSeveralReceivers(this),
        nextFormatter: () => nextFormatter(RED.nodes, this, settings.source.kind),
        status: (colour, text, params) => status.show(colour, text, params),
        error: (error) => this.error(explain(error), {}),
        warn,
        text: translate,
        nodeName: (id) => allNodes().find((node) => node.id === id)?.name || id,
        now: Date.now,
        monotonic: () => performance.now(),
        random: Math.random,
      });
      runner.start();
    } catch (error) {
      configError = explain(error);
      this.error(configError, {});
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

    const flowChanged = () => runner?.flowChanged();
    RED.events.on("flows:started", flowChanged);

    this.on("close", (done: () => void) => {
      RED.events.off("flows:started", flowChanged);
      void (runner?.close() ?? Promise.resolve()).finally(() => {
        release();
        stats.close();
        status.close();
        done();
      });
    });
  }
  RED.nodes.registerType("code42-query", Code42Query as never);
};
