import type { Node, NodeAPI, NodeDef } from "node-red";
import { tenantSecrets, testTenant } from "../src/code42/tenant/connection-test";
import { Tenant, type TenantNode } from "../src/code42/tenant/tenant";
import { checkVariables } from "../src/common/environment";
import { SiemError } from "../src/common/errors";
import { serveDialog } from "../src/node-red/dialog-route";
import type { Properties } from "../src/common/properties";
import { serveEnvironment } from "../src/node-red/environment-route";
import { tenantOptions } from "../src/node-red/tenant-options";
import { editedForm, explained } from "../src/node-red/try-it";
import type { DialogHost } from "../src/node-red/host";

interface Code42TenantNode extends Node<Properties>, TenantNode {
  settings: Properties;
  tenant: Tenant | undefined;
  configError: SiemError | undefined;
}

const TEST_MS = 30_000;

export = function (RED: NodeAPI) {
  serveEnvironment(RED as unknown as DialogHost);

  function Code42Tenant(this: Code42TenantNode, config: NodeDef & Properties) {
    RED.nodes.createNode(this, config);
    this.settings = config;
    // Made at the first use, because the TLS and proxy nodes may be created after this one.
    this.getTenant = () => {
      if (this.tenant !== undefined) return this.tenant;
      try {
        this.configError = undefined;
        checkVariables({ ...config, ...this.credentials });
        this.tenant = new Tenant(tenantOptions(RED.nodes, config, this.credentials ?? {}), {
          log: (level, text) => (level === "info" ? this.log(text) : this.debug(text)),
        });
        return this.tenant;
      } catch (error) {
        this.configError = error instanceof SiemError ? error : undefined;
        throw error;
      }
    };
    this.on("close", () => this.tenant?.close());
  }

  RED.nodes.registerType("code42-tenant", Code42Tenant as never, {
    credentials: {
      clientId: { type: "text" },
      clientSecret: { type: "password" },
      username: { type: "text" },
      password: { type: "password" },
      totpSecret: { type: "password" },
    },
  });

  serveDialog(RED as unknown as DialogHost, "post", "code42-tenant/test", "code42-tenant.write", async ({ body }) => {
    const { settings, credentials } = editedForm(RED as unknown as DialogHost, "code42-tenant", body, tenantSecrets);
    const { sources, ...report } = await testTenant(tenantOptions(RED.nodes, settings, credentials), TEST_MS);
    return { ...report, sources: sources.map(({ source, refused }) => ({ source, ...(refused === undefined ? {} : { refused: explained(RED._, refused) }) })) };
  });
};
