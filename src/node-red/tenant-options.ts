/** Reads a tenant from the properties and credentials of a `code42-tenant` node, deployed or edited. */
import { DEFAULTS, type TenantOptions } from "../code42/tenant/tenant";
import { addressProperty, choiceProperty, numberProperty, textProperty, type Properties } from "../common/properties";
import { PACKAGE_NAME, VERSION } from "../common/version";
import { proxyOf } from "./proxy";
import { tlsOptions, type TlsConfigNode } from "./tls";

/** Throws the SiemError of the first property that is wrong, and the errors of `tlsOptions` and `proxyOf`. */
export function tenantOptions(nodes: { getNode(id: string): unknown }, config: Properties, credentials: Properties): TenantOptions {
  const tls = config["tls"];
  const hasTls = typeof tls === "string" && tls !== "";
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
    tls: tlsOptions(hasTls, hasTls ? nodes.getNode(tls) as TlsConfigNode | null : undefined),
    proxy: proxyOf(nodes, config["proxy"]),
    userAgent: `node-red-siem/${VERSION} (${PACKAGE_NAME})`,
  };
}
