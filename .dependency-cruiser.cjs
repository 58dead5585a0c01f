/**
 * The floors of the package: imports run downwards only and without circles, type imports included.
 *
 * nodes → node-red → the products, which do not import each other → pages, cursor, delivery, metrics → common. The English
 * catalogs are data. editor and simulator stand beside nodes: nothing of the package imports them.
 */
const PRODUCTS = ["code42", "dxl", "cef", "syslog"];
const SHARED = ["pages", "cursor", "delivery", "metrics"];
const CATALOGS = "^nodes/locales/en-US/";

/** Files of these folders of src/. */
const src = (...folders) => `^src/(${folders.join("|")})/`;

/** `from` may import these folders of src/, the catalogs and what is not ours. */
const floor = (name, from, ...folders) => ({ name, severity: "error", from: { path: from }, to: { path: "^(src|nodes|scripts|test|bench)/", pathNot: [CATALOGS, src(...folders)] } });

module.exports = {
  forbidden: [
    { name: "no-circles", severity: "error", from: {}, to: { circular: true } },
    floor("common", src("common"), "common"),
    floor("shared", src(...SHARED), ...SHARED, "common"),
    ...PRODUCTS.map((product) => floor(product, src(product), product, ...SHARED, "common")),
    floor("node-red", src("node-red"), "node-red", ...PRODUCTS, ...SHARED, "common"),
    floor("nodes", "^nodes/(?!.*\\.editor\\.ts$)", "node-red", ...PRODUCTS, ...SHARED, "common"),
    floor("editor", `${src("editor")}|^nodes/.*\\.editor\\.ts$`, "editor", ...PRODUCTS, ...SHARED, "common"),
    floor("simulator", src("simulator"), "simulator", ...PRODUCTS, ...SHARED, "common"),
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    tsConfig: { fileName: "tsconfig.json" },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["import", "require", "node", "default", "types"] },
  },
};
