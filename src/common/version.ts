/** What the package calls itself where it identifies itself to others; a test compares it with package.json. */
export const PACKAGE_NAME = "@security-events/node-red-siem";
export const VERSION = "0.1.0";
