import type { CallOptions, Tenant } from "../../src/code42/tenant/tenant";
import { wholeOf } from "../../src/pages/body";

/** Posts `body`, and reads the reply as a whole. */
export async function postWhole(tenant: Tenant, path: string, body: unknown, options?: CallOptions) {
  const { value, ...reply } = await tenant.postAndRead(path, body, wholeOf, options);
  return { ...reply, data: value };
}
