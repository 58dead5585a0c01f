/**
 * The vendor's JavaScript client. It and its MessagePack library exchange byte lists and recognise them by class, so the
 * client fails if the package manager installed two copies of that class. This module makes both use the same copy.
 */
import { createRequire } from "node:module";

const here = createRequire(__filename);
const client = createRequire(here.resolve("@opendxl/dxl-client"));
const messagePack = createRequire(client.resolve("msgpack5"));

messagePack("bl");
here.cache[client.resolve("bl")] = here.cache[messagePack.resolve("bl")];

/** Its public interface; it has no types. */
export const dxlClient = here("@opendxl/dxl-client") as unknown;

/** Its decoder, which is not public. Throws if the bytes are not a message. */
export const decodeWithClient = client("./lib/decode-message.js") as (bytes: Buffer) => Record<string, unknown> & { payload: Buffer };
