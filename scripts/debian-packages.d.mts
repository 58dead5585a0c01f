export const BROWSER: readonly string[];
export function ensureDebianPackages(names?: readonly string[]): void;
