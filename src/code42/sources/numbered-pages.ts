/** Lists that come in numbered pages. Their items move from page to page while they are read. */
import { queryError } from "../errors";
import { bodyOf } from "../../pages/body";
import { readPage } from "../../pages/page-reader";
import type { ApiReply } from "../tenant/api";

export interface ListPage {
  items: unknown[];
  /** What the answer says beside the list. */
  envelope: Record<string, unknown>;
  /** Server time when the page was asked for, epoch ms; undefined if the answer does not tell. */
  askedMs: number | undefined;
}

/** The list `key` of an answer; missing or null counts as empty. Throws PAGE_INVALID. */
export async function listOf({ data, date, elapsedMs }: ApiReply, key: string): Promise<ListPage> {
  const items: unknown[] = [];
  const envelope = await readPage(bodyOf(data), key, (slice) => items.push(...slice));
  const list = envelope[key];
  if (list != null && !Array.isArray(list)) throw queryError("PAGE_INVALID", { reason: `it has no list "${key}"` });
  return { items, envelope, askedMs: date === undefined ? undefined : date - elapsedMs };
}

/**
 * All items of a list that lives. If its total changed while it was read, an item may have moved to a page that was
 * read already: the list is read once more, and what either reading found counts.
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

/** A server that does not count pages would be read for ever. */
export const samePageTwice = () => queryError("PAGE_INVALID", { reason: "it is the same as the page before" });
