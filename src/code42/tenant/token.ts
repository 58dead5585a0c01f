/** Keeps the token of a tenant: one sign-in for all callers, and a new one before the token expires. */
import { plain, printable } from "../../common/border";
import { parsed } from "../../common/json";
import { isRecord } from "../../common/messages";
import { basicOf } from "../../common/secrets";
import type { AnswerCheck } from "./answer-check";
import { consoleOf } from "./base-url";
import type { HttpReply } from "./http";
import type { Identity } from "./identity";
import { unwrap } from "./legacy";
import type { OpenCalls } from "./open-calls";
import type { PacedHttp } from "./paced-http";
import { loginConfigurationPath, type SignIn } from "./sign-in";
import { tenantError } from "./tenant-errors";
import { TOTP_STEP_MS, totpCode } from "./totp";

export interface TokenDependencies {
  http: PacedHttp;
  check: AnswerCheck;
  /** A sign-in is one of them. */
  calls: OpenCalls;
  /** Milliseconds of a clock that never steps. */
  monotonic(): number;
  /** Rejects when `signal` aborts. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

const RENEW_BEFORE_S = 60;
/** Tokens that are remembered. */
const RECENT = 3;
/** What a header can carry to a server: RFC 6750 section 2.1, and less than the 16 kB that servers take. */
const TOKEN = /^[\x21-\x7e]{1,12000}$/;

export class TokenKeeper {
  /** Name and secret as the sign-in sends them, which is a secret too. */
  readonly basic: string;
  /** The current token and the two before it: a server may repeat one after it refused it. */
  recent: readonly string[] = [];
  private token: { value: string; renewAt: number } | undefined;
  /** The sign-in under way. */
  private renewal: Promise<string> | undefined;
  /** The 30 s in which a one-time password was last used. */
  private lastTotpStep: number | undefined;

  constructor(private readonly base: URL, private readonly identity: Identity, private readonly way: SignIn, private readonly dependencies: TokenDependencies) {
    this.basic = basicOf(identity.name, identity.secret);
  }

  /** A valid token. Concurrent callers share one sign-in: `signal` ends only the wait of this caller, closing the tenant ends the sign-in. */
  get(signal: AbortSignal): Promise<string> {
    const { token, dependencies } = this;
    if (token !== undefined && dependencies.monotonic() < token.renewAt) return unlessAborted(Promise.resolve(token.value), signal);
    this.renewal ??= dependencies.calls.run(undefined, (open) => this.signIn(open)).finally(() => {
      this.renewal = undefined;
    });
    return unlessAborted(this.renewal, signal);
  }

  /** Forgets the token if it is `value`, which the server refused; without `value`, any. */
  drop(value?: string): void {
    if (value === undefined || this.token?.value === value) this.token = undefined;
  }

  private async signIn(signal: AbortSignal): Promise<string> {
    const { base, dependencies, way: { method, path, tokenFields, lifeS } } = this;
    const totp = await this.totpHeader(signal);
    const started = dependencies.monotonic();
    const reply = await dependencies.http.send(base, { method, path, headers: { Authorization: `Basic ${this.basic}`, ...totp }, signal });
    // RFC 6749 section 5.2 also allows 400 for a client that is not accepted.
    if (reply.status === 400 || reply.status === 401) throw await this.refusal(reply, signal);
    dependencies.check.json(reply, { host: base.host, path: path.replace(/\?.*/, "") });
    const answer = objectIn(reply);
    const { expires_in: expiresIn } = answer;
    const value = tokenFields.map((field) => answer[field]).find((token) => token !== undefined);
    if (typeof value !== "string" || !TOKEN.test(value)) throw tenantError("TOKEN_MISSING", plain.params({ host: base.host }), { permanent: true });
    const life = typeof expiresIn === "number" && expiresIn > 0 ? expiresIn : lifeS;
    this.recent = [value, ...this.recent].slice(0, RECENT);
    this.token = { value, renewAt: started + 1000 * Math.max(life / 2, life - RENEW_BEFORE_S) };
    return value;
  }

  /** A one-time password is accepted once (RFC 6238 section 5.2), so a second sign-in within its 30 s waits for the next. */
  private async totpHeader(signal: AbortSignal): Promise<Record<string, string>> {
    const { identity: { totpKey }, dependencies } = this;
    if (totpKey === undefined) return {};
    const step = () => Math.floor(dependencies.http.serverNow() / TOTP_STEP_MS);
    if (step() === this.lastTotpStep) await dependencies.sleep((step() + 1) * TOTP_STEP_MS - dependencies.http.serverNow(), signal);
    this.lastTotpStep = step();
    return { "totp-auth": totpCode(totpKey, this.lastTotpStep * TOTP_STEP_MS) };
  }

  /** Why a sign-in was refused. The console tells how a user signs in, and with it that a password alone is not enough. */
  private async refusal(reply: HttpReply, signal: AbortSignal): Promise<Error> {
    const { base, identity: { name, isUser, totpKey }, dependencies: { http, check } } = this;
    const params = { detail: check.detail(reply), user: printable(name) };
    if (!isUser) return tenantError("CLIENT_REJECTED", params, { permanent: true });
    // If the console cannot tell, the error is that of the refusal.
    const login = await http.send(consoleOf(base), { method: "GET", path: loginConfigurationPath(name), headers: {}, signal }).then(objectIn, (): Record<string, unknown> => ({}));
    signal.throwIfAborted();
    if (login["loginType"] === "CLOUD_SSO") return tenantError("USER_SSO", params, { permanent: true });
    // LOCAL_2FA is also the answer for a user who does not exist.
    if (login["loginType"] === "LOCAL_2FA" && totpKey === undefined) return tenantError("USER_TOTP_MISSING", params, { permanent: true });
    return tenantError("USER_REJECTED", params, { permanent: true });
  }
}

function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason instanceof Error ? signal.reason : plain.cause(signal.reason));
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}

function objectIn(reply: HttpReply): Record<string, unknown> {
  const value = parsed(unwrap(reply.data));
  return isRecord(value) ? value : {};
}
