import type { Node, NodeAPI, NodeDef } from "node-red";
import { tenantSecrets, testTenant } from "../src/code42/tenant/connection-test";
import { DEFAULTS, Tenant, type TenantNode, type TenantOptions } from "../src/code42/tenant/tenant";
import { checkVariables } from "../src/common/environment";
import { SiemError } from "../src/common/errors";
import { serveDialog } from "../src/node-red/dialog-route";
import { addressProperty, choiceProperty, numberProperty, textProperty, type Properties } from "../src/common/properties";
import { serveEnvironment } from "../src/node-red/environment-route";
import { proxyOf } from "../src/node-red/proxy";
import { tlsOptions, type TlsConfigNode } from "../src/node-red/tls";
import { editedForm, explained } from "../src/node-red/try-it";
import type { DialogHost } from "../src/node-red/host";
import { PACKAGE_NAME, VERSION } from "../src/common/version";

interface Code42TenantNode extends Node<Properties>, TenantNode {
  settings: Properties;
  tenant: Tenant | undefined;
  configError: SiemError | undefined;
}

const TEST_MS = 30_000;

export = function (RED: NodeAPI) {
  serveEnvironment(RED as unknown as DialogHost);

  /** The config node `id`; undefined if none was chosen, null if it is missing or disabled. */
  const configNode = <T>(id: unknown): T | null | undefined => (typeof id === "string" && id !== "" ? (RED.nodes.getNode(id) as T | null) ?? null : undefined);

  function tenantOptions(config: Properties, credentials: Properties): TenantOptions {
    const tls = configNode<TlsConfigNode>(config["tls"]);
    return {
      baseUrl: addressProperty(config, "baseUrl", ""),
      authType: choiceProperty(config, "authType", ["api-client", "user"]),
      clientId: textProperty(credentials, "clientId", ""),
      clientSecret: textProperty(credentials, "clientSecret", ""),
      username: textProperty(credentials, "username", ""),
      // Not trimmed, because a password may begin or end with a blank.
      password: typeof credentials["password"] === "string" ? credentials["password"] : "",
      totpSecret: textProperty(credentials, "totpSecret", ""),
      timeoutMs: 1000 * numberProperty(config, "timeout", { fallback: DEFAULTS.timeoutMs / 1000, min: 1, max: 600 }),
      requestsPerMinute: numberProperty(config, "requestsPerMinute", { fallback: DEFAULTS.requestsPerMinute, min: 1, max: 6000, integer: true }),
      tls: tlsOptions(tls !== undefined, tls),
      proxy: proxyOf(RED.nodes, config["proxy"]),
      userAgent: `node-red-siem/${VERSION} (${PACKAGE_NAME})`,
    };
  }

  function Code42Tenant(this: Code42TenantNode, config: NodeDef & Properties) {
    RED.nodes.createNode(this, config);
    this.settings = config;
    // Made at the first use, because the TLS and proxy nodes may be created after this one.
    this.getTenant = () => {
      if (this.tenant !== undefined) return this.tenant;
      try {
        this.configError = undefined;
        checkVariables({ ...config, ...this.credentials });
        this.tenant = new Tenant(tenantOptions(config, this.credentials ?? {}), {
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
    const { sources, ...report } = await testTenant(tenantOptions(settings, credentials), TEST_MS);
    return { ...report, sources: sources.map(({ source, refused }) => ({ source, ...(refused === undefined ? {} : { refused: explained(RED._, refused) }) })) };
  });
};
