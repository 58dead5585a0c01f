/** How the package identifies itself to others; a test compares this with package.json. */
export const PACKAGE_NAME = "@security-events/node-red-siem";
export const VERSION = "0.1.0";
