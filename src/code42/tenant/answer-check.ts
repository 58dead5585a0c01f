/** Checks what a tenant answers: everything but a success becomes an error that says what to do, without secrets. */
import type { Border, Printable } from "../../common/border";
import { parsed } from "../../common/json";
import type { HttpReply } from "./http";
import { statusError, tenantError } from "./tenant-errors";

/** The request that was answered, for error texts. */
export interface Question {
  host: string;
  /** Without its query. */
  path: string;
  /** What the API client or user needs for it; by default what file events need. */
  permission?: string | undefined;
}

const DEFAULT_PERMISSION = "File Events: Read";

/** Bytes of a refusal that are read. */
const REFUSAL_BYTES = 65_536;
/** Bytes of an unexpected answer that go into the debug log. */
const LOGGED_BYTES = 200;

export class AnswerCheck {
  constructor(private readonly border: Border, private readonly debug: (text: Printable) => void) {}

  /** Throws unless `reply` is a success of JSON: NOT_JSON, and the errors of `statusError`. */
  json(reply: HttpReply, question: Question): void {
    const error = this.refusal(reply, question);
    if (error === undefined && isJson(reply)) return;
    this.debug(this.border.text(`${question.path} answered: ${reply.data.toString("utf8", 0, LOGGED_BYTES)}`));
    throw error ?? tenantError("NOT_JSON", this.border.params({ host: question.host, type: this.border.text(reply.header("content-type") ?? "none", 60) }), { permanent: true });
  }

  /** Throws the errors of `statusError` unless `reply` is a success. */
  success(reply: HttpReply, question: Question): void {
    const error = this.refusal(reply, question);
    if (error !== undefined) throw error;
  }

  /** What a refusal says about itself: the descriptions of its `problems`, or its `error`. */
  detail(reply: HttpReply): Printable {
    if (reply.status < 400) return this.border.text("");
    const { problems, error, error_description: description } = (parsed(reply.data.subarray(0, REFUSAL_BYTES)) ?? {}) as Record<string, unknown>;
    const texts = Array.isArray(problems) ? problems.map((problem: { description?: unknown } | null) => problem?.description) : [error, description];
    return this.border.text(texts.filter((text) => typeof text === "string").join("; ")) || this.border.text(`status ${reply.status}`);
  }

  private refusal(reply: HttpReply, { host, path, permission = DEFAULT_PERMISSION }: Question) {
    if (reply.status >= 200 && reply.status < 300) return undefined;
    // A host may be a server's text too: the console names those of the services.
    return statusError(reply.status, this.border.params({ host, path, permission, target: hostOf(reply.header("location"), host), detail: this.detail(reply) }));
  }
}

/** True for a refusal of the page token that was sent. */
export const isPageTokenRefused = ({ status, data }: HttpReply): boolean => status === 400 && data.toString("utf8", 0, REFUSAL_BYTES).includes("INVALID_PAGE_TOKEN");

/** A body without a content type is JSON if it begins like it; one that nobody has read yet gets the benefit of the doubt. */
function isJson({ header, isUnread, data }: HttpReply): boolean {
  const type = header("content-type");
  return type === undefined ? isUnread || data[0] === 0x7b || data[0] === 0x5b : /[/+]json\b/i.test(type);
}

/** The host that a redirect leads to, and no more: the address of a login page may hold a ticket. */
function hostOf(location: string | undefined, base: string): string {
  return location !== undefined && URL.canParse(location, `https://${base}`) ? new URL(location, `https://${base}`).host : "";
}
