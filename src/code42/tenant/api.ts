/** The part of a tenant that queries use: types only. */
import type { Border } from "../../common/border";
import type { Body } from "../../pages/body";

export interface RetryNotice {
  delayMs: number;
  error: Error;
}

/** What a reader made of a body. */
export interface Reading<Value> {
  value: Value;
  /** The `Date` header, epoch ms. */
  date: number | undefined;
  elapsedMs: number;
}

/** `query` goes into the address, a name once for each value. */
type GetOptions = ApiOptions & { query?: Record<string, string | string[]> };

export interface ApiOptions {
  signal: AbortSignal;
  onRetry?: (retry: RetryNotice) => void;
  /** What the API client must be allowed, for the error text. */
  permission?: string;
}

/** The part of a tenant that a query uses. Paths are those of the API gateway. */
export interface Api {
  readonly baseUrl: string;
  /** The client id or user name that it signs in with. */
  readonly principal: string;
  /** For every text of an answer. */
  readonly border: Border;
  /** Server time, epoch ms. */
  serverNow(): number;
  /** The same, but asks the server if it has not told its time yet. */
  serverTime(signal: AbortSignal): Promise<number>;
  /** Lets `read` have the body of the reply, from its beginning if it must be asked for again. Throws what `read` throws. */
  postAndRead<Value>(path: string, body: unknown, read: (body: Body) => Promise<Value>, options: ApiOptions): Promise<Reading<Value>>;
  getAndRead<Value>(path: string, read: (body: Body) => Promise<Value>, options: GetOptions): Promise<Reading<Value>>;
  /** The inflated body of a short reply. */
  get(path: string, options: GetOptions): Promise<{ data: Buffer }>;
}
