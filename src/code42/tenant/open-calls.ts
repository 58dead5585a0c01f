/** The calls of a tenant that are under way: closing the tenant ends them, and refuses every later one. */
import type { SiemError } from "../../common/errors";
import { tenantError } from "./tenant-errors";

export class OpenCalls {
  private readonly underWay = new Set<AbortController>();
  /** Why there are no more calls; undefined while the tenant is open. */
  private closed: SiemError | undefined;

  /** Runs `work` with a signal that aborts with the error CLOSED, or with ABORTED when `outer` aborts. Throws CLOSED, and what `work` throws. */
  async run<Result>(outer: AbortSignal | undefined, work: (signal: AbortSignal) => Promise<Result>): Promise<Result> {
    if (this.closed !== undefined) throw this.closed;
    const abort = new AbortController();
    const follow = () => abort.abort(tenantError("ABORTED", {}, { permanent: true }));
    if (outer?.aborted === true) follow();
    outer?.addEventListener("abort", follow, { once: true });
    this.underWay.add(abort);
    try {
      return await work(abort.signal);
    } finally {
      this.underWay.delete(abort);
      outer?.removeEventListener("abort", follow);
    }
  }

  close(): void {
    this.closed ??= tenantError("CLOSED", {}, { permanent: true });
    for (const abort of this.underWay) abort.abort(this.closed);
  }
}
