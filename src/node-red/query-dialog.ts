/** Serves the edit dialog of `code42-query`: a preview, and the cursor of the running node. */
import type { CursorPanel } from "../code42/query/cursor-panel";
import { tenantStep } from "../code42/tenant/connection-test";
import { queryError } from "../code42/errors";
import { previewQuery } from "../code42/query/preview";
import { parseSettings } from "../code42/query/query-settings";
import type { TenantNode } from "../code42/tenant/tenant";
import { isRecord } from "../common/messages";
import { serveDialog } from "./dialog-route";
import { isInSubflow } from "./subflow";
import type { DialogHost } from "./host";
import { editedForm } from "./try-it";
import { FailedStep } from "../common/dialog-step";

export interface QueryDialogNode {
  /** Throws the reason if the node does not run. */
  cursorPanel(): CursorPanel;
}

const TYPE = "code42-query";
const PREVIEW_MS = 30_000;

export function serveQueryDialog(host: DialogHost): void {
  serveDialog(host, "post", `${TYPE}/preview`, `${TYPE}.write`, async ({ body }) => {
    const { settings: form } = editedForm(host, TYPE, body);
    const query = parseSettings(form);
    const node = host.nodes.getNode(String(form["tenant"])) as (TenantNode & { type: string }) | null | undefined;
    if (node?.type !== "code42-tenant") {
      throw queryError(isInSubflow(host.nodes, "code42-tenant", String(form["tenant"])) ? "PREVIEW_SUBFLOW" : "PREVIEW_TENANT", {}, { permanent: true });
    }
    try {
      const { warnings, ...preview } = await previewQuery(node.getTenant(), query, AbortSignal.timeout(PREVIEW_MS));
      const texts = [...query.warnings, ...warnings].map(({ key, params }) => ({ key, params, message: host._(key, params) }));
      return { ...preview, warnings: texts };
    } catch (error) {
      const step = tenantStep(error, false);
      throw step === "answer" ? error : new FailedStep(step, error);
    }
  });

  const panelOf = (id: string | undefined): CursorPanel => {
    const node = host.nodes.getNode(id ?? "") as (QueryDialogNode & { type: string }) | null | undefined;
    if (node?.type !== TYPE) throw queryError(isInSubflow(host.nodes, TYPE, id ?? "") ? "PANEL_SUBFLOW" : "PANEL_NOT_DEPLOYED", {}, { permanent: true });
    return node.cursorPanel();
  };
  serveDialog(host, "get", `${TYPE}/:id/cursor`, `${TYPE}.read`, async ({ params }) => ({ ...await panelOf(params["id"]).report() }));
  serveDialog(host, "post", `${TYPE}/:id/cursor`, `${TYPE}.write`, async ({ params, body }) => {
    const { action, cursor } = isRecord(body) ? body : {};
    return { ...await panelOf(params["id"]).move(action, cursor) };
  });
}
