/** Whether a text is the host of a syslog server. No dependency: it runs in the browser too. */

/** A name, or an address: no web address, no path, no user, no port behind it. IPv6 may be in brackets. */
export const isHost = (text: string): boolean => !/[\s/\\?#@]/.test(text) && (!text.includes(":") || /^(?:\[[\da-f:.]+(?:%[\w.-]+)?\]|[\da-f.]*:[\da-f.]*:[\da-f:.]*(?:%[\w.-]+)?)$/i.test(text));
