/**
 * The other end of page-worker.ts: has large pages read on a thread of their own, so that neither their events nor the
 * garbage that these become hold up Node-RED's own thread.
 *
 * It is help, not a must: a page that it gives no answer for is read here, and what is wrong with it is said here.
 */
import { Worker } from "node:worker_threads";
import type { Body, RawBody } from "../body";
import { GarbageCounter } from "../garbage";
import { LineBytes, type LineRecipe, type WrittenLines } from "../packed-lines";
import { processWide } from "../process-wide";
import { SpareMemory } from "../spare-memory";
import type { PageFacts, PageTask } from "./page-facts";

/** What the worker is asked. Buffers that it lent come back with it. */
export interface PageRequest extends PageTask {
  id: number;
  /** At the beginning of memory that goes back with the answer. */
  bytes: Uint8Array;
  /** True if they are gzip. */
  zipped: boolean;
  /** How many bytes there may be when that is undone. */
  limit: number;
  /** Undefined if no lines are wanted. */
  recipe: LineRecipe | undefined;
  returned: ArrayBuffer[];
}

/** Without `facts` it could not read the page. */
export interface PageAnswer {
  id: number;
  facts?: PageFacts;
  /** The memory of the request's bytes. */
  body?: ArrayBuffer;
  written?: WrittenLines;
}

/** What is known of a page, and its lines if these were asked for. */
export interface ReadPage {
  facts: PageFacts;
  memory: LineBytes | undefined;
}

/** A smaller one is read in less time than it takes to ask somebody else. Bytes as they come over the network. */
const LEAST_BYTES = 48 * 1024;
const IDLE_MS = 30_000;
/**
 * What lives for a moment gets little, MB: the processor's caches hold it, and it is collected in an instant. The rest has
 * no limit of its own, because Node.js ends the whole process when a thread meets one inside of JSON.parse.
 */
const YOUNG_MB = 8;
/** Bodies up to this size are sent in memory that is used again. */
const BODY_BYTES = 4 * 1024 * 1024;
/** How much of delivered answers may lie about. */
const GARBAGE_BYTES = 16 * 1024 * 1024;
/** So many threads may end one after the other without an answer. */
const MOST_FAILURES = 3;

export class PageThread {
  private worker: Worker | undefined;
  private readonly waiting = new Map<number, (answer: PageAnswer) => void>();
  private asked = 0;
  private failures = 0;
  private returned: ArrayBuffer[] = [];
  private bodies = new SpareMemory(BODY_BYTES, 2);
  /** The answers that were read: what the thread does keeps this one's heap so quiet that they would lie about for long. */
  private readonly garbage = new GarbageCounter(GARBAGE_BYTES);
  private idle: NodeJS.Timeout | undefined;

  private readonly file: string;
  private readonly idleMs: number;

  /** What it runs, and after how many ms of rest it ends. */
  constructor({ file = require.resolve("./page-worker"), idleMs = IDLE_MS } = {}) {
    this.file = file;
    this.idleMs = idleMs;
  }

  /** True while there is a thread. */
  get isRunning(): boolean {
    return this.worker !== undefined;
  }

  /** Undefined if the page is better read here. */
  async read({ raw }: Body, task: PageTask, recipe: LineRecipe | undefined): Promise<ReadPage | undefined> {
    if (raw.bytes.length < LEAST_BYTES || this.failures >= MOST_FAILURES) return undefined;
    const { facts, written } = await this.ask(raw, task, recipe);
    this.garbage.add(raw.bytes.length);
    if (facts === undefined) return undefined;
    return { facts, memory: written && new LineBytes(this, written.pieces.map(({ buffer }) => Buffer.from(buffer)), written.starts, written.ends) };
  }

  /** Takes memory back that the thread lent with lines. */
  give({ buffer }: Buffer): void {
    if (this.isRunning) this.returned.push(buffer as ArrayBuffer);
  }

  private ask({ bytes, zipped, limit }: RawBody, task: PageTask, recipe: LineRecipe | undefined): Promise<PageAnswer> {
    const id = this.asked++;
    return new Promise((resolve) => {
      this.waiting.set(id, resolve);
      try {
        const worker = (this.worker ??= this.start());
        worker.ref();
        clearTimeout(this.idle);
        const returned = this.returned.splice(0);
        // The body itself stays: it may have to be read again.
        const copy = this.bodies.take(bytes.length).subarray(0, bytes.length);
        bytes.copy(copy);
        worker.postMessage({ ...task, id, bytes: copy, zipped, limit, recipe, returned } satisfies PageRequest, [copy.buffer as ArrayBuffer, ...returned]);
      } catch {
        // Node.js may forbid threads (--permission).
        this.failures = MOST_FAILURES;
        this.settle({ id });
      }
    });
  }

  private start(): Worker {
    // Without its environment, which also keeps away what the process preloads: none of it is this thread's business.
    const worker = new Worker(this.file, { name: "security-events", resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB }, env: {} });
    const ended = () => {
      if (this.worker !== worker) return;
      this.failures += 1;
      this.forget();
      void worker.terminate();
    };
    worker.on("message", (answer: PageAnswer) => {
      this.failures = 0;
      if (answer.body !== undefined) this.bodies.adopt(answer.body);
      this.settle(answer);
    });
    for (const event of ["messageerror", "error", "exit"]) worker.on(event, ended);
    return worker;
  }

  private settle(answer: PageAnswer): void {
    const resolve = this.waiting.get(answer.id);
    this.waiting.delete(answer.id);
    if (this.waiting.size === 0) this.rest();
    resolve?.(answer);
  }

  /** A thread that waits costs memory, and must not keep the process: the next large page starts another one. */
  private rest(): void {
    const { worker } = this;
    if (worker === undefined) return;
    worker.unref();
    clearTimeout(this.idle);
    this.idle = setTimeout(() => {
      this.forget();
      void worker.terminate();
    }, this.idleMs).unref();
  }

  /** What it was asked is read here. */
  private forget(): void {
    this.worker = undefined;
    this.returned = [];
    this.bodies = new SpareMemory(BODY_BYTES, 2);
    for (const id of [...this.waiting.keys()]) this.settle({ id });
  }
}

/** One for all queries: it is there to use a second processor, not all of them. */
export const pageThread = (): PageThread => processWide("page-thread@1", () => new PageThread());
