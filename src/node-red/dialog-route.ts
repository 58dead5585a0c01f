/** Admin routes for the buttons in the edit dialogs. */
import { commonError } from "../common/errors";
import { FORM_BYTES, inMegabytes } from "../common/limits";
import type { DialogHost, Translate } from "./host";
import { failure, notARequest, type Answer } from "./try-it";

/** The parts of an Express request and response that we use. */
interface AdminRequest {
  params: Record<string, string>;
  body: unknown;
  headers: Record<string, string | string[] | undefined>;
  is(type: string): string | false | null;
}
interface AdminResponse {
  set(header: string, value: string): void;
  status(code: number): AdminResponse;
  json(body: unknown): void;
}

/**
 * Refuses a POST that is not JSON, because a form of another web site could send it: for JSON the browser asks this server
 * first. Refuses one of more than FORM_BYTES too; a browser tells the length, and does not compress.
 */
export const onlyJson = (translate: Translate) => (request: AdminRequest, response: AdminResponse, next: () => void): void => {
  const { "content-length": length, "content-encoding": encoding = "identity" } = request.headers;
  if (request.is("json") === false) response.status(415).json(notARequest(translate));
  else if (!(Number(length) <= FORM_BYTES) || encoding !== "identity") response.json(failure(translate, commonError("TRY_TOO_LARGE", { max: inMegabytes(FORM_BYTES) })));
  else next();
};

/**
 * Serves `path` (as the dialog writes it) to users with `permission`. An error of `work` is a result too: it becomes an
 * answer with `ok: false` and status 200.
 */
export function serveDialog(
  { httpAdmin, auth, _: translate }: DialogHost, method: "get" | "post", path: string, permission: string,
  work: (request: AdminRequest) => Promise<Record<string, unknown>> | Record<string, unknown>,
): void {
  const handle = async (request: AdminRequest, response: AdminResponse) => {
    response.set("Cache-Control", "no-store");
    try {
      response.json({ ok: true, ...await work(request) } satisfies Answer);
    } catch (error) {
      response.json(failure(translate, error));
    }
  };
  httpAdmin[method](`/${path}`, auth.needsPermission(permission) as never, ...(method === "post" ? [onlyJson(translate) as never] : []), handle as never);
}
