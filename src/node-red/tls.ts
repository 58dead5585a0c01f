/** Reads TLS options from Node-RED's own `tls-config` node. */
import type { ConnectionOptions } from "node:tls";
import { plain } from "../common/border";
import { checkAddress, checkVariables } from "../common/environment";
import { commonError } from "../common/errors";
import { withoutDot } from "../common/host";

/** The part of a core `tls-config` node that we use (`05-tls.js`: `valid` is false when a file could not be read). */
export interface TlsConfigNode {
  name?: string;
  id?: string;
  valid?: boolean;
  servername?: string;
  alpnprotocol?: string;
  credentials?: Record<string, unknown>;
  addTLSOptions(options: ConnectionOptions): ConnectionOptions;
}

/**
 * The connection options of `node`, TLS 1.2 or newer and always verified. `configured` is true if the user chose a
 * tls-config node; without one the system's CAs apply. Throws TLS_NODE_MISSING, TLS_NODE_INVALID, TLS_UNVERIFIED,
 * ENVIRONMENT_UNSET, ENVIRONMENT_PART.
 */
export function tlsOptions(configured: boolean, node: TlsConfigNode | null | undefined): ConnectionOptions {
  const options: ConnectionOptions = { minVersion: "TLSv1.2" };
  if (configured) {
    if (node == null) throw commonError("TLS_NODE_MISSING", {}, { permanent: true });
    const name = node.name === undefined || node.name === "" ? node.id ?? "" : node.name;
    checkVariables({ servername: node.servername, alpnprotocol: node.alpnprotocol, ...node.credentials }, `${name}: `);
    checkAddress(`${name}: servername`, node.servername ?? "");
    if (node.valid === false) throw commonError("TLS_NODE_INVALID", plain.params({ name }), { permanent: true });
    node.addTLSOptions(options);
    if (options.rejectUnauthorized === false) throw commonError("TLS_UNVERIFIED", plain.params({ name }), { permanent: true });
  }
  if (options.servername !== undefined) options.servername = withoutDot(options.servername);
  options.rejectUnauthorized = true;
  return options;
}
