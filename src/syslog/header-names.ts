/** The forms of a syslog header, and which names they can hold. Without dependencies, because the edit dialog asks too. */

export type HeaderForm = "rfc3164" | "rfc5424" | "legacy" | "none";

/**
 * RFC 5424 section 6 allows any printable ASCII. In a header of RFC 3164, rsyslog and others take a host name with other
 * characters, or one that ends in a sign, for the tag of the line; an IPv6 address is such a name.
 */
export const isHostName = (form: HeaderForm, name: string): boolean =>
  form === "rfc5424" ? /^[\x21-\x7e]{1,255}$/.test(name) : /^[A-Za-z0-9._-]{0,254}[A-Za-z0-9]$/.test(name);

/** APP-NAME of RFC 5424 section 6.2.5. */
export const isAppName = (name: string): boolean => /^[\x21-\x7e]{1,48}$/.test(name);
