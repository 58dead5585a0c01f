/** Reads lists with numbered pages. Their items may move from page to page meanwhile. */
import { mayRound } from "../../common/exact-json";
import { queryError } from "../errors";
import { LIST_PAGES } from "../../common/limits";
import type { Body } from "../../pages/body";
import { pageError } from "../../pages/errors";
import { readPage } from "../../pages/page-reader";
import { plain } from "../../common/border";
import type { Reading } from "../tenant/api";
import { KeptTexts } from "./kept-texts";

/**
 * What a source keeps of each item of a list. The items themselves would take many times the memory of their JSON.
 * `rounded`: the item as JSON.parse gives it, with integers rounded that are not safe; the same object if none is near it.
 */
export type Keep<Kept> = (item: unknown, texts: KeptTexts, rounded: unknown) => Kept;

interface ListAnswer<Kept> {
  items: Kept[];
  /** The answer without the items. */
  envelope: Record<string, unknown>;
}

export interface ListPage<Kept> extends ListAnswer<Kept> {
  /** Server time of the request, epoch ms; undefined if the answer has no date. */
  askedMs: number | undefined;
}

interface ListQuestion<Kept> {
  /** Property of the answer; a missing list or null counts as empty. */
  key: string;
  /** How many items were asked for. */
  most: number;
  /** Called for each item, from the beginning if the answer must be asked for again. */
  keep: Keep<Kept>;
  /** What is kept of the other pages of the list. */
  texts?: KeptTexts;
}

/** Sends the request of `ask` and reads the list of the answer. Throws PAGE_INVALID, PAGE_TOO_LARGE and what `ask` throws. */
export async function readList<Kept>(
  { key, most, keep, texts = new KeptTexts() }: ListQuestion<Kept>,
  ask: (read: (body: Body) => Promise<ListAnswer<Kept>>) => Promise<Reading<ListAnswer<Kept>>>,
): Promise<ListPage<Kept>> {
  const { value, date, elapsedMs } = await ask(async (body) => {
    const items: Kept[] = [];
    const ofAnswer = texts.copy();
    const envelope = await readPage(body, key, (slice, _, json) => {
      const rounded = mayRound(json) ? JSON.parse(json) as unknown[] : slice;
      for (const [index, item] of slice.entries()) items.push(keep(item, ofAnswer, rounded[index]));
    }, { most });
    texts.characters = ofAnswer.characters;
    return { items, envelope };
  });
  const list = value.envelope[key];
  if (list != null && !Array.isArray(list)) throw queryError("PAGE_INVALID", plain.params({ reason: `it has no list "${key}"` }));
  return { ...value, askedMs: date === undefined ? undefined : date - elapsedMs };
}

/**
 * All items of a list that may change meanwhile. If its total changed, an item may have moved to a page that was already
 * read: the list is read once more, and the items of both readings count. `keyOf`: equal for equal items.
 */
export async function readWholeList<Kept>(page: (number: number) => Promise<ListPage<Kept>>, pageSize: number, keyOf: (item: Kept) => string): Promise<Kept[]> {
  const all: Kept[] = [];
  for (const attempt of [1, 2]) {
    const totals = new Set<unknown>();
    let before = "";
    for (let number = 0; ; number++) {
      if (number === LIST_PAGES) throw endlessList();
      const { items, envelope } = await page(number);
      const keys = items.map(keyOf).join();
      if (items.length > 0 && keys === before) throw samePageTwice();
      before = keys;
      for (const item of items) all.push(item);
      totals.add(envelope["totalCount"]);
      if (items.length < pageSize) break;
    }
    if (totals.size === 1 || attempt === 2) break;
  }
  return all;
}

/** Without this error, a server that ignores page numbers would be read for ever. */
export const samePageTwice = () => queryError("PAGE_INVALID", plain.params({ reason: "it is the same as the page before" }));

/** Without this error, a server that never ends its list would be read for ever. */
export const endlessList = () => pageError("PAGE_TOO_LARGE", plain.params({ reason: `its list has more than ${LIST_PAGES} pages` }));
