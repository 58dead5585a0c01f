/** Sends the requests of the edit dialogs to the nodes in the test helper. */
import assert from "node:assert/strict";
import type { Answer } from "../../src/node-red/try-it";
import { helper } from "./node-red";

export type DialogAnswer = Record<string, unknown> & { ok: boolean; code?: unknown; step?: unknown; message?: unknown };

interface Sent {
  set(name: string, value: string): Sent;
  send(body?: object | string): Promise<{ status: number; body: Answer; headers: Record<string, string> }>;
}
const request = () => helper.request() as unknown as Record<"get" | "post", (path: string) => Sent>;

/** Posts a form, and asserts that the answer contains none of `secrets`. */
export async function tryForm(path: string, form: { id?: string; settings?: object; credentials?: object; question?: object }, secrets: readonly string[] = []): Promise<DialogAnswer> {
  return ask(() => request().post(`/${path}`).send({ id: "nowhere", settings: {}, ...form }), secrets);
}

export const getDialog = (path: string) => ask(() => request().get(`/${path}`).send(), []);
export const postDialog = (path: string, body: object) => ask(() => request().post(`/${path}`).send(body), []);

/** Sends a request that another web site could send without a CORS preflight; returns the status. */
export const postForeignForm = async (path: string) => (await request().post(`/${path}`).set("content-type", "text/plain").send("{}")).status;

async function ask(send: () => ReturnType<Sent["send"]>, secrets: readonly string[]): Promise<DialogAnswer> {
  const { status, body, headers } = await send();
  assert.equal(status, 200);
  assert.equal(headers["cache-control"], "no-store");
  for (const secret of secrets) assert.ok(!JSON.stringify(body).includes(secret), "the answer holds a secret");
  return { ...body };
}
