/** Who signs in to a tenant: an API client, or a user, perhaps with a second factor. */
import type { AuthType } from "./sign-in";
import { tenantError } from "./tenant-errors";
import { totpKey } from "./totp";

export interface Credentials {
  /** `api-client` (the default) needs the first two of the following; `user` needs the next two, and `totpSecret` (base32) if it signs in with two factors. */
  authType?: AuthType;
  clientId?: string;
  clientSecret?: string;
  username?: string;
  password?: string;
  totpSecret?: string;
}

export interface Identity {
  /** Id of an API client, or name of a user. */
  name: string;
  /** Client secret, or password. */
  secret: string;
  isUser: boolean;
  /** The key of a user's second factor. */
  totpKey: Buffer | undefined;
}

/** Throws CREDENTIALS_MISSING, USER_CREDENTIALS_MISSING, TOTP_SECRET_INVALID. */
export function identityOf({ authType, clientId = "", clientSecret = "", username = "", password = "", totpSecret = "" }: Credentials): Identity {
  const isUser = authType === "user";
  const [name, secret] = isUser ? [username, password] : [clientId, clientSecret];
  if (name === "" || secret === "") throw tenantError(isUser ? "USER_CREDENTIALS_MISSING" : "CREDENTIALS_MISSING", {}, { permanent: true });
  const key = isUser && totpSecret !== "" ? totpKey(totpSecret) : undefined;
  if (isUser && totpSecret !== "" && key === undefined) throw tenantError("TOTP_SECRET_INVALID", {}, { permanent: true });
  return { name, secret, isUser, totpKey: key };
}
