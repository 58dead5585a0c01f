/** Serves the edit dialog of `code42-query`: a preview, and the cursor of the running node. */
import type { CursorPanel } from "../code42/query/cursor-panel";
import { tenantSecrets, tenantStep, trialTenant } from "../code42/tenant/connection-test";
import { queryError } from "../code42/errors";
import { previewQuery } from "../code42/query/preview";
import { parseSettings } from "../code42/query/query-settings";
import type { Tenant, TenantNode } from "../code42/tenant/tenant";
import { isRecord } from "../common/messages";
import { textProperty } from "../common/properties";
import { serveDialog } from "./dialog-route";
import { isInSubflow } from "./subflow";
import { tenantOptions } from "./tenant-options";
import type { DialogHost } from "./host";
import { editedForm } from "./try-it";
import { FailedStep } from "../common/dialog-step";

export interface QueryDialogNode {
  /** Throws the reason if the node does not run. */
  cursorPanel(): CursorPanel;
}

const TYPE = "code42-query";
const TENANT = "code42-tenant";
const PREVIEW_MS = 30_000;

/** The tenant of a form that is not deployed, under the same rules as its own connection test. */
function editedTenant(host: DialogHost, request: unknown): Tenant {
  const { settings, credentials } = editedForm(host, TENANT, request, tenantSecrets);
  return trialTenant(tenantOptions(host.nodes, settings, credentials), PREVIEW_MS);
}

function deployedTenant({ nodes }: DialogHost, id: string): Tenant {
  if (id === "") throw queryError("PREVIEW_NO_TENANT", {}, { permanent: true });
  const node = nodes.getNode(id) as (TenantNode & { type: string }) | null | undefined;
  if (node?.type === TENANT) return node.getTenant();
  throw queryError(isInSubflow(nodes, TENANT, id) ? "PREVIEW_SUBFLOW" : "PREVIEW_TENANT", {}, { permanent: true });
}

export function serveQueryDialog(host: DialogHost): void {
  serveDialog(host, "post", `${TYPE}/preview`, `${TYPE}.write`, async ({ body }) => {
    const { settings: form, question } = editedForm(host, TYPE, body);
    const query = parseSettings(form);
    let edited: Tenant | undefined;
    try {
      if (question["tenant"] !== undefined) edited = editedTenant(host, question["tenant"]);
      const { warnings, ...preview } = await previewQuery(edited ?? deployedTenant(host, textProperty(form, "tenant", "")), query, AbortSignal.timeout(PREVIEW_MS));
      const texts = [...query.warnings, ...warnings].map(({ key, params }) => ({ key, params, message: host._(key, params) }));
      return { ...preview, warnings: texts };
    } catch (error) {
      const step = tenantStep(error, false);
      throw step === "answer" ? error : new FailedStep(step, error);
    } finally {
      edited?.close();
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
