/** Reads ISO 8601 instants and durations, as products and users write them. */

const INSTANT = /^\d{4}-\d{2}-(\d{2})(?:T(\d{2}):\d{2}(?:(:\d{2})(?:\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})?)?$/;
const DURATION = /^P(?=.)(?:(\d{1,6})W)?(?:(\d{1,6})D)?(?:T(?=.)(?:(\d{1,6})H)?(?:(\d{1,6})M)?(?:(\d{1,9})S)?)?$/;

/** Epoch milliseconds of an instant with 0 to 9 decimals, cut (not rounded) to whole ones; UTC where no zone is given. */
export function epochMs(text: string): number | undefined {
  const match = INSTANT.exec(text);
  return match === null ? undefined : parsed(text.includes("T") && match[4] === undefined ? `${text}Z` : text);
}

/**
 * The same for RFC 3339 section 5.6 date-times only (`2025-01-28T01:27:24.362976Z`). Undefined for any other text: without
 * a zone the time would be a guess. (Date.parse takes February 30 for March 2.)
 */
export function epochMilliseconds(text: string): number | undefined {
  const [, day, hour, seconds, zone] = INSTANT.exec(text) ?? [];
  if (seconds === undefined || zone === undefined || hour === "24") return undefined;
  if (Number(day) > 28 && new Date(text.slice(0, 10)).getUTCDate() !== Number(day)) return undefined;
  return parsed(text);
}

function parsed(text: string): number | undefined {
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? undefined : ms;
}

/** Milliseconds of an ISO 8601 duration of weeks, days, hours, minutes and seconds (months and years have no fixed length). */
export function durationMs(text: string): number | undefined {
  const match = DURATION.exec(text);
  if (match === null) return undefined;
  const [weeks, days, hours, minutes, seconds] = match.slice(1).map((part: string | undefined) => Number(part ?? 0)) as [number, number, number, number, number];
  return ((((weeks * 7 + days) * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000;
}
