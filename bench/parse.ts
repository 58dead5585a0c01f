/** The bytes of a page become objects: ours against `JSON.parse` of the whole page. `npm run bench -- parse [--rounds N] [--events N]` */
import type * as body from "../src/body";
import type * as eventShapes from "../src/code42/event-shapes";
import type * as page from "../src/code42/page";
import { pageJson } from "./pages";
import { parseOptions, type Row } from "./report";
import { built, compare, perSecond } from "./rounds";

export async function parse(options: string[]): Promise<Row[]> {
  const { rounds, numbers } = parseOptions(options, { rounds: 5, events: 10_000 }, []);
  const events = numbers["events"] as number;
  const { readPage } = built<typeof page>("code42/page");
  const { EventShapes } = built<typeof eventShapes>("code42/event-shapes");
  const { bodyOf } = built<typeof body>("body");
  const rows: Row[] = [];
  for (const version of ["v1", "v2"] as const) {
    for (const ascii of [false, true]) {
      const bytes = Buffer.from(pageJson({ version, pageSize: events, events, ascii }, 0));
      const check = (found: number) => {
        if (found !== events) throw new Error(`${found} events of ${events}`);
      };
      const shapes = new EventShapes();
      const rates = await compare({
        whole: () => JSON.parse(bytes.toString("utf8")) as unknown,
        // As the flow does it: what was read is handed on, and gone before the end of the page.
        ours: async () => {
          let found = 0;
          await readPage(bodyOf(bytes), "fileEvents", (slice) => {
            found += slice.length;
          }, { shapes });
          check(found);
        },
        kept: async () => {
          const found: unknown[] = [];
          await readPage(bodyOf(bytes), "fileEvents", (slice) => void found.push(...slice));
          check(found.length);
        },
      }, { items: events, rounds });
      const [ours, kept, whole] = [rates["ours"] as number, rates["kept"] as number, rates["whole"] as number];
      const what = `page bytes → objects, ${version}, ${ascii ? "all ASCII" : "some names not ASCII"}`;
      rows.push({ what: `${what}, against JSON.parse of the page`, figure: perSecond(ours), peer: perSecond(whole), ratio: ours / whole, atLeast: ascii ? 1.4 : 2.2 });
      rows.push({ what: `${what}, all of them kept`, figure: perSecond(kept), peer: perSecond(whole), ratio: kept / whole });
    }
  }
  return rows;
}
