/**
 * The package as its users get it: packs it, installs the tarball in an empty folder, starts a real Node-RED and
 * compares what that serves with the sources. What is packed, and what an installation brings with it, must be on a list.
 * Then does it again without the optional packages: only the nodes that need them may notice.
 * Prints every deviation; exit code 1 if there is one.
 */
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { startSiem } from "../src/simulator/siem";
import { startTenantSimulator } from "../src/simulator/tenant";
import { examples } from "../test/support/examples";
import { installInto, packedPackage } from "../test/support/packed-package";
import { startNodeRed, type FlowNode, type NodeRedProcess, type NodeStatus } from "../test/support/node-red-process";
import { until } from "../test/support/until";
import { root } from "./built";
import { makeSbom } from "./sbom";

interface Manifest {
  name: string;
  version: string;
  dependencies: Record<string, string>;
  optionalDependencies: Record<string, string>;
  "node-red": { nodes: Record<string, string> };
}

interface NodeSet {
  module?: string;
  version?: string;
  name: string;
  types: string[];
  enabled: boolean;
  err?: unknown;
}

/** As the scorecard of flows.nodered.org allows (D01). */
const DEPENDENCIES = 6;
/** What the tenant has, where a flow has to deliver. */
const EVENTS = 50;
const LANGUAGES = ["en-US", "de"];
const text = (...path: string[]) => readFileSync(join(root, ...path), "utf8");
const manifest = JSON.parse(text("package.json")) as Manifest;
const types = Object.keys(manifest["node-red"].nodes);
const anyType = `(${types.join("|")})`;
const deviations: string[] = [];

function check(ok: boolean, deviation: string): void {
  if (!ok) deviations.push(deviation);
}

const ALLOWED = [
  /^(package\.json|README\.md|LICENSE|CHANGELOG\.md)$/,
  /^examples\/[^/]+\.json$/,
  new RegExp(`^dist/nodes/${anyType}\\.(js|html)$`),
  /^dist\/nodes\/icons\/[a-z0-9-]+\.svg$/,
  new RegExp(`^dist/nodes/locales/(${LANGUAGES.join("|")})/${anyType}\\.(json|html)$`),
  /^dist\/nodes\/locales\/en-US\/common\.json$/,
  /^dist\/src\/(?!simulator\/|editor\/)[a-z0-9/-]+\.(js|json)$/,
  /^resources\/editor\.(js|css)$/,
];

function checkFiles(files: readonly string[]): void {
  for (const file of files) check(ALLOWED.some((pattern) => pattern.test(file)), `${file} must not be in the package`);
  const wanted = [
    "package.json", "README.md", "LICENSE", "CHANGELOG.md", "resources/editor.js", "resources/editor.css",
    ...types.flatMap((type) => ["js", "html"].map((extension) => `dist/nodes/${type}.${extension}`)),
    ...types.flatMap((type) => LANGUAGES.flatMap((language) => ["json", "html"].map((extension) => `dist/nodes/locales/${language}/${type}.${extension}`))),
    ...readdirSync(join(root, "icons")).map((icon) => `dist/nodes/icons/${icon}`),
    ...readdirSync(join(root, "examples")).map((example) => `examples/${example}`),
  ];
  for (const file of wanted) check(files.includes(file), `${file} is missing in the package`);
}

/** Every package that an installation brings, and where: all of them are in the bill of materials, with a licence. */
function checkDependencies(modules: string): void {
  const required = Object.keys(manifest.dependencies).length;
  check(required <= DEPENDENCIES, `${required} dependencies, at most ${DEPENDENCIES} are allowed`);
  const { metadata, components } = makeSbom();
  check(metadata.component.name === manifest.name && metadata.component.version === manifest.version, "the bill of materials is not of this package");
  const installed = readdirSync(modules).flatMap((name) => (name.startsWith("@") ? readdirSync(join(modules, name)).map((inner) => `${name}/${inner}`) : name.startsWith(".") ? [] : [name]));
  for (const [name, version] of Object.entries({ ...manifest.dependencies, ...manifest.optionalDependencies })) {
    check(components.some((component) => component.name === name && component.version === version), `${name} is not in the bill of materials`);
    check(installed.includes(name), `${name} is not installed`);
  }
  for (const { name, licenses } of components) check((licenses ?? []).length > 0, `${name} has no licence in the bill of materials`);
  for (const name of installed) check(name === manifest.name || components.some((component) => component.name === name), `${name} is installed and not in the bill of materials`);
}

async function checkSets(nodeRed: NodeRedProcess): Promise<void> {
  const sets = await (await nodeRed.admin("/nodes", { headers: { accept: "application/json" } })).json() as NodeSet[];
  const own = sets.filter((set) => set.module === manifest.name);
  for (const type of types) {
    const set = own.find(({ name }) => name === type);
    check(set !== undefined && set.enabled && set.err === undefined && set.types.includes(type), `node ${type} did not load: ${JSON.stringify(set?.err)}`);
    check(set?.version === manifest.version, `node ${type} says version ${set?.version}`);
  }
  check(own.length === types.length, `${own.length} node sets instead of ${types.length}`);
  // Node-RED warns of two settings of this user directory.
  const complaints = nodeRed.log().split("\n").filter((line) => /\[(error|warn)\]/.test(line) && !/unencrypted|Projects disabled/.test(line));
  check(complaints.length === 0, `Node-RED complained:\n${complaints.join("\n")}`);
}

async function checkHelp(nodeRed: NodeRedProcess): Promise<void> {
  for (const language of LANGUAGES) {
    const served = await (await nodeRed.admin("/nodes", { headers: { accept: "text/html", "accept-language": language } })).text();
    const catalogs = await (await nodeRed.admin(`/nodes/messages?lng=${language}`)).json() as Record<string, Record<string, unknown>>;
    const { palette, ...common } = JSON.parse(text("nodes/locales", language, "common.json")) as Record<string, unknown>;
    for (const type of types) {
      check(served.includes(text("nodes/locales", language, `${type}.html`).trim()), `the help of ${type} is not served in ${language}`);
      const own = JSON.parse(text("nodes/locales", language, `${type}.json`)) as object;
      const got = catalogs[`${manifest.name}/${type}`] ?? {};
      for (const [section, wanted] of Object.entries({ ...own, palette, common })) {
        check(JSON.stringify(got[section]) === JSON.stringify(wanted), `the texts "${section}" of ${type} are not served in ${language}`);
      }
    }
  }
}

/** The form of each node says where its script and its style are; the editor waits for the script without end. */
async function checkResources(nodeRed: NodeRedProcess): Promise<void> {
  for (const type of types) {
    for (const [attribute, file, mediaType] of [["src", "editor.js", "javascript"], ["href", "editor.css", "css"]] as const) {
      const source = new RegExp(`<(?:script|link)[^>]* ${attribute}="(resources/[^"]+)">`).exec(text("dist/nodes", `${type}.html`))?.[1];
      const served = source === undefined ? undefined : await nodeRed.admin(`/${source}`);
      check((served?.headers.get("content-type") ?? "").split(/[/;]/)[1] === mediaType && await served?.text() === text("resources", file), `${file} of ${type} is not served from ${source}`);
    }
  }
}

async function checkIcons(nodeRed: NodeRedProcess): Promise<void> {
  for (const type of types) {
    const icon = /\bicon: ["']([^"']+\.svg)["']/.exec(text("dist/nodes", `${type}.html`))?.[1];
    const isConfig = /\bcategory: ["']config["']/.test(text("dist/nodes", `${type}.html`));
    check(icon !== undefined || isConfig, `node ${type} has no icon`);
    if (icon === undefined) continue;
    // Node-RED answers with a default picture when an icon is missing: only the bytes tell.
    const served = await (await nodeRed.admin(`/icons/${manifest.name}/${icon}`)).text();
    check(readdirSync(join(root, "icons")).includes(icon) && served === text("icons", icon), `the icon ${icon} of ${type} is not served`);
  }
}

async function checkExamples(nodeRed: NodeRedProcess, files: readonly string[]): Promise<void> {
  const used = new Set<string>();
  const examples = files.filter((file) => file.startsWith("examples/"));
  check(examples.length > 0, "no examples in the package");
  for (const file of examples) {
    const name = basename(file, ".json");
    const served = await (await nodeRed.admin(`/library/examples/flows/${manifest.name}/${encodeURIComponent(name)}`)).text();
    check(served === text(file), `example "${name}" is not served`);
    for (const node of JSON.parse(served) as FlowNode[]) used.add(node.type);
  }
  for (const type of types) check(used.has(type), `no example uses ${type}`);
}

/**
 * Where the optional packages could not be installed, Node-RED starts, example 01 delivers, and each node of the examples 14 and 15
 * that needs NATS is red and says what to install.
 */
async function checkWithoutOptional(tarball: string): Promise<void> {
  // Not below this folder, where Node.js would find the packages of the development.
  const userDir = mkdtempSync(join(tmpdir(), "siem-required-"));
  const tenant = await startTenantSimulator({ requestsPerMinute: 100_000 });
  const siem = await startSiem();
  const statuses = new Map<string, NodeStatus["status"]>();
  let nodeRed: NodeRedProcess | undefined;
  try {
    tenant.preload({ count: EVENTS, startMs: Date.now() - 3_600_000 });
    installInto(userDir, tarball, "--omit=optional");
    const optional = Object.keys(manifest.optionalDependencies);
    for (const name of optional) check(!existsSync(join(userDir, "node_modules", name)), `${name} is installed although it was omitted`);
    // Without `catch` nodes the errors are in the log.
    const flows = examples().filter(({ name }) => /^(01|14|15) /.test(name)).flatMap(({ flow }) => flow).filter(({ type }) => type !== "catch");
    nodeRed = await startNodeRed({
      userDir, modules: join(userDir, "node_modules"), flows, onStatus: ({ id, status }) => void statuses.set(id, status),
      env: {
        CODE42_BASE_URL: tenant.url, CODE42_CLIENT_ID: tenant.clientId, CODE42_CLIENT_SECRET: tenant.clientSecret,
        SIEM_HOST: "127.0.0.1", SIEM_PORT: String(siem.port), NATS_SERVERS: "127.0.0.1:4222", NATS_USER: "siem", NATS_PASSWORD: "password",
      },
    });
    await until(() => siem.received >= EVENTS, "example 01 delivers without the optional packages", 30_000).catch(({ message }: Error) => check(false, message));
    const needNats = flows.filter(({ connection }) => connection !== undefined && connection !== "");
    const isRed = ({ id }: FlowNode) => statuses.get(id)?.fill === "red";
    await until(() => needNats.length > 0 && needNats.every(isRed), "they are red").catch(() => undefined);
    for (const node of needNats) check(isRed(node), `${node.type} ${node.id} shows ${JSON.stringify(statuses.get(node.id))} without the optional packages`);
    const wanted = Object.entries(manifest.optionalDependencies).map(([name, version]) => `${name}@${version}`);
    const named = /npm install((?: @nats-io\/\S+)+)/.exec(nodeRed.log())?.[1]?.trim().split(" ") ?? [];
    check(named.sort().join() === wanted.sort().join(), `without the optional packages the log says to install "${named.join(" ")}":\n${nodeRed.log()}`);
  } finally {
    await nodeRed?.stop();
    await siem.close();
    await tenant.close();
    rmSync(userDir, { recursive: true, force: true });
  }
}

async function main(): Promise<void> {
  const { files, tarball, modules } = packedPackage();
  checkFiles(files);
  checkDependencies(modules);
  const userDir = mkdtempSync(join(tmpdir(), "siem-smoke-"));
  const nodeRed = await startNodeRed({ userDir, modules });
  try {
    await checkSets(nodeRed);
    await checkHelp(nodeRed);
    await checkResources(nodeRed);
    await checkIcons(nodeRed);
    await checkExamples(nodeRed, files);
  } finally {
    await nodeRed.stop();
    rmSync(userDir, { recursive: true, force: true });
  }
  await checkWithoutOptional(tarball);
  for (const deviation of deviations) console.error(`deviation: ${deviation}`);
  const version = /Node-RED version: (\S+)/.exec(nodeRed.log())?.[1];
  console.log(`${manifest.name} ${manifest.version} in Node-RED ${version}: ${files.length} files, ${types.length} nodes, ${deviations.length} deviations`);
  process.exitCode = deviations.length === 0 ? 0 : 1;
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
