/** Faults that a test can make the simulator produce, for one request, for some, or for all. */

export type TenantFault =
  /** Any status; `retryAfter` is sent as the header, unchanged. */
  | { kind: "status"; status: number; retryAfter?: string | number; body?: unknown }
  | { kind: "redirect"; location: string }
  | { kind: "reset"; when: "before-headers" | "after-headers" }
  /** The connection ends after `bytes` bytes of the body. */
  | { kind: "truncate"; bytes: number }
  /** The body arrives one byte at a time. */
  | { kind: "drip"; everyMs: number }
  /** No answer. */
  | { kind: "stall" }
  /** A body of `bytes` bytes, compressed if the client accepts that. */
  | { kind: "oversized"; bytes: number }
  /** 200 with the login page of a proxy. */
  | { kind: "login-page" }
  /** 200 with a body that is declared as JSON and is not JSON. */
  | { kind: "not-json" }
  /** 200 with `problems`. For searches of file events and alerts only. */
  | { kind: "problems"; description: string }
  /** 200 with null instead of the list: `fileEvents`, `alerts`, `items`, `events`, `searches`. */
  | { kind: "null-events" }
  /** The page returns the token of its own request. For searches of file events only. */
  | { kind: "same-token" }
  /** 400 INVALID_PAGE_TOKEN. For requests with a token only. */
  | { kind: "reject-token" };

export interface FaultScope {
  /** Number of requests that get the fault; 1 by default, `Infinity` for all. */
  times?: number;
  /** Number of requests before the first one that gets it. */
  after?: number;
  /** Path of the requests; `/v2/file-events` by default. */
  path?: string;
}

export class Faults {
  private scripted: { fault: TenantFault; times: number; after: number; path: string }[] = [];
  /** Number of requests that got a fault. */
  hits = 0;

  add(fault: TenantFault, { times = 1, after = 0, path = "/v2/file-events" }: FaultScope = {}): void {
    this.scripted.push({ fault, times, after, path });
  }

  clear(): void {
    this.scripted = [];
  }

  /** The fault for this request, if any. `hasToken` is true if the request asks for a later page. */
  take(path: string, hasToken: boolean): TenantFault | undefined {
    for (const script of this.scripted) {
      if (script.path !== path || script.times <= 0 || (script.fault.kind === "reject-token" && !hasToken)) continue;
      if (script.after > 0) {
        script.after -= 1;
        continue;
      }
      script.times -= 1;
      this.hits += 1;
      return script.fault;
    }
    return undefined;
  }
}
