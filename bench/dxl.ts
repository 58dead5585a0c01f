/** Frames of DXL become objects: ours against the vendor's client. `npm run bench -- dxl [--rounds N]` */
import type * as message from "../src/dxl/message";
import type { OtherFields } from "../src/dxl/message";
import type * as messagePack from "../src/dxl/message-pack";
import { makeThreatEvent } from "../src/simulator/threat-events";
import { decodeWithClient } from "../test/support/dxl-client";
import { parseOptions, type Row } from "./report";
import { built, compare, perSecond } from "./rounds";

/** So few that they stay in the processor's cache, as a frame does that TLS has written a moment ago; and more than it holds. */
const FRAMES = { "in the cache": 200, "from memory": 2000 };
const FIELDS: OtherFields = { responseRuleName: "Send Threat Event via DXL", tenant: "example" };

export async function dxl(options: string[]): Promise<Row[]> {
  const { rounds } = parseOptions(options, { rounds: 9 }, []);
  const { decodeMessage, encodeEvent } = built<typeof message>("dxl/message");
  // As a subscriber has them.
  const names = built<typeof messagePack>("dxl/message-pack").newKnownNames();
  const rows: Row[] = [];
  for (const [where, count] of Object.entries(FRAMES)) {
    const frames = Array.from({ length: count }, (_, index) => encodeEvent({
      version: 2,
      messageId: `{4df1a3b2-${String(index).padStart(4, "0")}-11ee-8c90-0242ac120002}`,
      sourceClientId: "{0f3c8b8e-5a5e-4c4f-9d51-6a4b3f6f9a10}",
      sourceBrokerId: "{b9a1d4e2-70a6-4b8f-a3f5-1c2d3e4f5a6b}",
      otherFields: FIELDS,
      sourceTenantGuid: "{5e2b7c10-1111-4d4d-9e9e-222233334444}",
      destinationTenantGuids: ["{5e2b7c10-1111-4d4d-9e9e-222233334444}"],
      payload: JSON.stringify(makeThreatEvent(index)),
    }));
    const [first] = frames as [Buffer];
    const [ours, theirs] = [decodeMessage(first), decodeWithClient(first)];
    if (ours.messageId !== theirs["messageId"] || Buffer.compare(ours.payload, Buffer.from(theirs.payload)) !== 0) throw new Error("the two decoders disagree");
    const rates = await compare({
      ours: () => {
        for (const frame of frames) decodeMessage(frame, names);
      },
      theirs: () => {
        for (const frame of frames) decodeWithClient(frame);
      },
    }, { items: count, rounds });
    const [mine, client] = [rates["ours"] as number, rates["theirs"] as number];
    rows.push({ what: `DXL frame (${first.length} bytes, ${where}) → object, against @opendxl/dxl-client`, figure: perSecond(mine), peer: perSecond(client), ratio: mine / client, atLeast: 6 });
  }
  return rows;
}
