/**
 * Sign-in at a tenant (developer portal, "Get started"; py42, `services/_auth.py`, `clients/loginconfig.py`): as an API
 * client, or as a local user with a password and, if the account has a second factor, a one-time password.
 */
import { randomBytes } from "node:crypto";
import { json, type Answer, type Call } from "../answer";
import { acceptsTotp, fromBase32 } from "../totp";

export interface SimulatedUser {
  name: string;
  password: string;
  /** Base32. If it is set, the account has a second factor. */
  totpSecret?: string;
  /** The user signs in at an identity provider, so a password is refused. */
  sso?: boolean;
}

export interface SignInOptions {
  clientId: string;
  clientSecret: string;
  users: readonly SimulatedUser[];
  tenantId: string;
  /** Lifetime of every token, s; by default 900 for a client and 1800 for a user. */
  expiresIn: number | undefined;
}

/** The owner of a token. */
export interface Principal {
  id: string;
  name: string;
  type: "API_CLIENT" | "USER";
}

const CLIENT_TOKEN_S = 900;
const USER_TOKEN_S = 1800;

const unknownUser = (): Answer => json(401, { error: "Could not authenticate user" });

export class SignIn {
  tokensIssued = 0;
  private readonly tokens = new Map<string, { until: number; principal: Principal }>();

  constructor(private readonly options: SignInOptions, private readonly now: () => number) {}

  /** Invalidates every token issued so far. */
  revoke(): void {
    this.tokens.clear();
  }

  /** The owner of the token in the headers; undefined if there is none or it is invalid or expired. */
  principal({ authorization = "" }: Call["headers"]): Principal | undefined {
    const token = this.tokens.get(/^Bearer (.+)$/i.exec(authorization)?.[1] ?? "");
    return token === undefined || token.until <= this.now() ? undefined : token.principal;
  }

  readonly oauth = ({ headers, query, text }: Call): Answer => {
    const form = new URLSearchParams(text);
    const client = basic(headers) ?? `${form.get("client_id")}:${form.get("client_secret")}`;
    const grant = query.get("grant_type") ?? form.get("grant_type") ?? "client_credentials";
    if (grant !== "client_credentials") return json(400, { error: "unsupported_grant_type" });
    const { clientId, clientSecret, expiresIn = CLIENT_TOKEN_S } = this.options;
    if (client !== `${clientId}:${clientSecret}`) return json(401, { error: "invalid_client" });
    return json(200, { access_token: this.issue({ id: clientId, name: clientId, type: "API_CLIENT" }, expiresIn), token_type: "bearer", expires_in: expiresIn });
  };

  /** A user's sign-in at the gateway. */
  readonly auth = (call: Call): Answer => this.user(call, (token) => ({ bearerToken: token }));

  /** A user's sign-in at the console. */
  readonly jwt = (call: Call): Answer => this.user(call, (token) => ({ v3_user_token: token }));

  /** For an unknown user it answers as for one with a second factor. */
  readonly loginConfiguration = ({ query }: Call): Answer => {
    const user = this.options.users.find(({ name }) => name === query.get("username"));
    return json(200, { loginType: user?.sso === true ? "CLOUD_SSO" : user === undefined || user.totpSecret !== undefined ? "LOCAL_2FA" : "LOCAL" });
  };

  /** The user who signed in; an API client is refused, because it has no user. */
  readonly currentUser = ({ headers }: Call): Answer => {
    const principal = this.principal(headers);
    return principal?.type === "USER" ? json(200, { userUid: principal.id, username: principal.name }) : json(403, { error: "Forbidden" });
  };

  private user({ headers }: Call, reply: (token: string) => unknown): Answer {
    const credentials = basic(headers);
    const user = this.options.users.find(({ name, password }) => credentials === `${name}:${password}`);
    if (user === undefined || user.sso === true) return unknownUser();
    if (user.totpSecret !== undefined && !acceptsTotp(fromBase32(user.totpSecret), String(headers["totp-auth"]), this.now())) return unknownUser();
    const id = String(1_000_000_000_000_000 + this.options.users.indexOf(user));
    return json(200, reply(this.issue({ id, name: user.name, type: "USER" }, this.options.expiresIn ?? USER_TOKEN_S)));
  }

  /** Issues a token with the three parts of a JWT; the middle one holds the tenant id. */
  private issue(principal: Principal, expiresIn: number): string {
    const claims = { tenantUid: this.options.tenantId, jti: randomBytes(18).toString("base64url") };
    const token = `simulated.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.token`;
    for (const [old, { until }] of this.tokens) if (until <= this.now()) this.tokens.delete(old);
    this.tokens.set(token, { until: this.now() + expiresIn * 1000, principal });
    this.tokensIssued += 1;
    return token;
  }
}

/** `name:secret` from an Authorization header. */
function basic({ authorization = "" }: Call["headers"]): string | undefined {
  const encoded = /^Basic (.+)$/i.exec(authorization)?.[1];
  return encoded === undefined ? undefined : Buffer.from(encoded, "base64").toString("utf8");
}
