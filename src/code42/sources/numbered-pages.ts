/** Reads lists with numbered pages. Their items may move from page to page meanwhile. */
import { mayRound } from "../../common/exact-json";
import { queryError } from "../errors";
import { bodyOf } from "../../pages/body";
import { readPage } from "../../pages/page-reader";
import { plain } from "../../common/border";
import type { ApiReply } from "../tenant/api";

export interface ListPage {
  items: unknown[];
  /** The items as JSON.parse gives them: integers that are not safe are rounded. */
  rounded: unknown[];
  /** The answer without the items. */
  envelope: Record<string, unknown>;
  /** Server time of the request, epoch ms; undefined if the answer has no date. */
  askedMs: number | undefined;
}

/** Reads the list `key` of an answer; a missing list or null counts as empty. Throws PAGE_INVALID. */
export async function readList({ data, date, elapsedMs }: ApiReply, key: string): Promise<ListPage> {
  const items: unknown[] = [];
  const rounded: unknown[] = [];
  const envelope = await readPage(bodyOf(data), key, (slice, _, json) => {
    items.push(...slice);
    rounded.push(...(mayRound(json) ? JSON.parse(json) as unknown[] : slice));
  });
  const list = envelope[key];
  if (list != null && !Array.isArray(list)) throw queryError("PAGE_INVALID", plain.params({ reason: `it has no list "${key}"` }));
  return { items, rounded, envelope, askedMs: date === undefined ? undefined : date - elapsedMs };
}

/**
 * All items of a list that may change meanwhile. If its total changed, an item may have moved to a page that was already
 * read: the list is read once more, and the items of both readings count.
 */
export async function readWholeList(page: (number: number) => Promise<ListPage>, pageSize: number): Promise<unknown[]> {
  const all: unknown[] = [];
  for (const attempt of [1, 2]) {
    const totals = new Set<unknown>();
    let before = "";
    for (let number = 0; ; number++) {
      const { items, envelope } = await page(number);
      const text = JSON.stringify(items);
      if (items.length > 0 && text === before) throw samePageTwice();
      before = text;
      all.push(...items);
      totals.add(envelope["totalCount"]);
      if (items.length < pageSize) break;
    }
    if (totals.size === 1 || attempt === 2) break;
  }
  return all;
}

/** Without this error, a server that ignores page numbers would be read for ever. */
export const samePageTwice = () => queryError("PAGE_INVALID", plain.params({ reason: "it is the same as the page before" }));
