/** Requests and answers between the simulated tenant's server and its endpoints. */
import type { IncomingHttpHeaders } from "node:http";
import type { TenantFault } from "./faults";

export interface Call {
  query: URLSearchParams;
  headers: IncomingHttpHeaders;
  /** The body as text. */
  text: string;
  /** The body as a JSON object; empty if it is not one. */
  body: Record<string, unknown>;
  /** The last segment of the path, for routes that end with `/:id`. */
  id: string;
  /** A fault that the endpoint itself must produce. */
  fault: TenantFault | undefined;
}

export interface Answer {
  status: number;
  body: string;
  headers?: Record<string, string>;
}

export interface Route {
  method: "GET" | "POST";
  path: string;
  /** `anyone` needs no token; `query` needs one and counts against the request limit. */
  access: "anyone" | "token" | "query";
  answer: (call: Call) => Answer | Promise<Answer>;
}

export interface Problem {
  badFilter: unknown;
  description: string;
  type: string;
}

export const json = (status: number, body: unknown, headers: Record<string, string> = {}): Answer => ({ status, body: JSON.stringify(body), headers });

export const badRequest = (description: string, type: string): Answer => json(400, { problems: [{ badFilter: null, description, type }] });

/** 400 of the services that do not use `problems`. */
export const badParameter = (message: string): Answer => json(400, { status: 400, error: "Bad Request", message });

export const notFound = (): Answer => json(404, { error: "Not Found" });

/** The route with its result wrapped in `data`, as the console and the services behind it answer (py42, `response.py`). */
export const wrapped = (route: Route): Route => ({
  ...route,
  answer: async (call) => {
    const answer = await route.answer(call);
    return answer.status === 200 ? { ...answer, body: `{"data":${answer.body}}` } : answer;
  },
});

/** An integer parameter, which may be text; NaN if it is not an integer. */
export function integer(value: unknown, fallback: number): number {
  if (value === undefined || value === null) return fallback;
  const number = typeof value === "string" && value.trim() === "" ? NaN : Number(value);
  return Number.isInteger(number) ? number : NaN;
}

/** The items in an order that is unrelated to time and the same on every call. */
export function shuffled<T>(list: readonly T[], keyOf: (item: T) => string): T[] {
  const rank = (text: string) => [...text].reduce((hash, char) => Math.imul(hash ^ (char.codePointAt(0) as number), 0x01000193) >>> 0, 0x811c9dc5);
  return list.map((item) => ({ item, rank: rank(keyOf(item)) })).sort((a, b) => a.rank - b.rank).map(({ item }) => item);
}
