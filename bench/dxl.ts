/** DXL frame → object: our decoder against the vendor's client. `npm run bench -- dxl [--rounds N]` */
import type * as message from "../src/dxl/message";
import { makeThreatEvent } from "../src/simulator/threat-events";
import { decodeWithClient } from "../test/support/dxl-client";
import { parseOptions, type Row } from "./report";
import { built, compare, perSecond } from "./rounds";

const FRAMES = 2000;

export async function dxl(options: string[]): Promise<Row[]> {
  const { rounds } = parseOptions(options, { rounds: 9 }, []);
  const { decodeMessage, encodeEvent } = built<typeof message>("dxl/message");
  const frames = Array.from({ length: FRAMES }, (_, index) => encodeEvent({
    version: 2,
    messageId: `{4df1a3b2-${String(index).padStart(4, "0")}-11ee-8c90-0242ac120002}`,
    sourceClientId: "{0f3c8b8e-5a5e-4c4f-9d51-6a4b3f6f9a10}",
    sourceBrokerId: "{b9a1d4e2-70a6-4b8f-a3f5-1c2d3e4f5a6b}",
    otherFields: { responseRuleName: "Send Threat Event via DXL", tenant: "example" },
    sourceTenantGuid: "{5e2b7c10-1111-4d4d-9e9e-222233334444}",
    destinationTenantGuids: ["{5e2b7c10-1111-4d4d-9e9e-222233334444}"],
    payload: JSON.stringify(makeThreatEvent(index)),
  }));
  const [first] = frames as [Buffer];
  const [ours, theirs] = [decodeMessage(first), decodeWithClient(first)];
  if (ours.messageId !== theirs["messageId"] || Buffer.compare(ours.payload, Buffer.from(theirs.payload)) !== 0) throw new Error("the two decoders disagree");
  const rates = await compare({
    ours: () => {
      for (const frame of frames) decodeMessage(frame);
    },
    theirs: () => {
      for (const frame of frames) decodeWithClient(frame);
    },
  }, { items: FRAMES, rounds });
  const [mine, client] = [rates["ours"] as number, rates["theirs"] as number];
  return [{ what: `DXL frame (${first.length} bytes) → object, against @opendxl/dxl-client`, figure: perSecond(mine), peer: perSecond(client), ratio: mine / client, atLeast: 3 }];
}
