/**
 * Gives the memory of a Buffer back at once.
 *
 * Memory outside of V8's heap is freed with the object that stands for it, and V8 collects those late, because the objects
 * themselves are small: a page that is inflated would leave tens of megabytes behind, each of them fresh and therefore
 * slow. What is moved to a closed port (`transferList`, Node.js, worker_threads) is dropped there, and freed.
 */
import { MessageChannel, type MessagePort } from "node:worker_threads";

let nowhere: MessagePort | undefined;

/** `bytes` is never used again, by anybody. Only a view of all of its memory is freed: others may have the rest. */
export function freeMemory(bytes: Buffer): void {
  const { buffer } = bytes;
  if (bytes.length !== buffer.byteLength) return;
  if (nowhere === undefined) {
    const { port1, port2 } = new MessageChannel();
    port2.close();
    port1.unref();
    nowhere = port1;
  }
  try {
    nowhere.postMessage(undefined, [buffer as ArrayBuffer]);
  } catch {
    // Memory that Node.js keeps for itself is collected as usual.
  }
}
