/** The thread that page-thread.ts starts: reads pages, and makes their lines. Not to be loaded by anything else. */
import { parentPort } from "node:worker_threads";
import { RawBody } from "../body";
import { readFormatters } from "../cef/settings";
import { LineWriter, PIECE_BYTES, type LineFormatter, type LineRecipe } from "../packed-lines";
import { SpareMemory } from "../spare-memory";
import type { ReaderName } from "./event-readers";
import { EventShapes } from "./event-shapes";
import { readFacts } from "./page-facts";
import type { PageAnswer, PageRequest } from "./page-thread";

/** Settings of nodes that were deployed lately. */
const MOST_FORMATTERS = 32;

/** As many as the pages have that may be out at a time: what is not kept here is made anew with every page. */
const MOST_PIECES = 96;

const spare = new SpareMemory(PIECE_BYTES, MOST_PIECES);
const shapes: Record<ReaderName, EventShapes> = { "file-events": new EventShapes(), "file-events-v1": new EventShapes() };
const formatters = new Map<string, LineFormatter>();

function formatterFor(recipe: LineRecipe): LineFormatter {
  const name = JSON.stringify(recipe);
  const known = formatters.get(name);
  if (known !== undefined) return known;
  if (formatters.size >= MOST_FORMATTERS) formatters.clear();
  const made = readFormatters(recipe.properties)(recipe.kind);
  formatters.set(name, made);
  return made;
}

async function answer({ id, bytes, zipped, limit, recipe, ...task }: PageRequest): Promise<PageAnswer> {
  const memory = new LineWriter(spare);
  try {
    const maker = recipe === undefined ? undefined : { formatter: formatterFor(recipe), memory, wants: () => true };
    const facts = await readFacts(new RawBody(Buffer.from(bytes.buffer, 0, bytes.length), zipped, limit), task, shapes[task.reader], maker);
    return { id, facts, body: bytes.buffer as ArrayBuffer, ...(maker === undefined ? {} : { written: memory.take() }) };
  } catch {
    // The body does not go back: whatever inflates it may still be at work.
    memory.letGo();
    return { id };
  }
}

parentPort?.on("message", (request: PageRequest) => {
  for (const buffer of request.returned) spare.adopt(buffer);
  void answer(request).then((found) => {
    const { facts, body, written } = found;
    const moved = [facts?.times, facts?.complete, facts?.slices, facts?.lines, written?.starts, written?.ends, ...written?.pieces ?? []];
    parentPort?.postMessage(found, [...(body === undefined ? [] : [body]), ...moved.flatMap((each) => (each === undefined ? [] : [each.buffer as ArrayBuffer]))]);
  });
});
