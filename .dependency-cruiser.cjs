/**
 * The floors of the package: imports run downwards only and without circles, type imports included.
 *
 * nodes → node-red → the products, which do not import each other → pages, cursor, delivery, metrics → common. A product is
 * any other folder of src/. editor and simulator stand beside nodes: they import products, and no floor imports them. The
 * English catalogs are data, which everybody may import.
 */
const SHARED = "pages|cursor|delivery|metrics";
const PRODUCT = `(?!(?:${SHARED}|common|node-red|editor|simulator)/)[^/]+`;

/** Modules at `from` import ours at `allowed` and the catalogs only. */
const floor = (name, from, allowed) => ({
  name, severity: "error",
  from: { path: from },
  to: { path: "^(src|nodes|scripts|test|bench)/", pathNot: ["^nodes/locales/en-US/", `^src/(${allowed})/`] },
});

module.exports = {
  forbidden: [
    { name: "no-circles", severity: "error", from: {}, to: { circular: true } },
    floor("common", "^src/common/", "common"),
    floor("shared", `^src/(${SHARED})/`, `${SHARED}|common`),
    floor("products", `^src/(${PRODUCT})/`, `$1|${SHARED}|common`),
    floor("node-red", "^src/node-red/", `node-red|${PRODUCT}|${SHARED}|common`),
    floor("nodes", "^nodes/(?!.*\\.editor\\.ts$)", `node-red|${PRODUCT}|${SHARED}|common`),
    floor("editor", "^src/editor/|^nodes/.*\\.editor\\.ts$", `editor|${PRODUCT}|${SHARED}|common`),
    floor("simulator", "^src/simulator/", `simulator|${PRODUCT}|${SHARED}|common`),
    { name: "every-file-has-a-floor", severity: "error", from: {}, to: { path: "^src/[^/]+$" } },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    tsConfig: { fileName: "tsconfig.json" },
    tsPreCompilationDeps: true,
  },
};
