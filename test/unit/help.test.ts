import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import manifest from "../../package.json";
import { root } from "../../scripts/built";
import { compileFormatter } from "../../src/cef/encoder";
import { mappings } from "../../src/cef/mappings";
import { sampleEvents } from "../../src/cef/samples";

const LANGUAGES = ["en-US", "de"] as const;
const DOCS = `${manifest.homepage.replace("#readme", "")}/blob/main/`;

const read = (...path: string[]) => readFileSync(join(root, ...path), "utf8");
const matches = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map(([, found = ""]) => found);
const plain = (html: string) => html.replace(/<[^<>]*>/g, "").replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&").trim();
const help = (language: string, type: string) => read("nodes/locales", language, `${type}.html`);
const sorted = (texts: string[]) => [...new Set(texts)].sort();

/** The label of each field in the dialog of `type`, in its order, without the name of the node. */
function labels(language: string, type: string): string[] {
  const { label } = JSON.parse(read("nodes/locales", language, `${type}.json`)) as { label: Record<string, string> };
  // The list of own fields has a title in place of a label.
  const keys = matches(read("nodes", `${type}.html`), /(?:<label\b(?:(?!<\/label>)[^])*?data-i18n="label\.|<h4 data-i18n="label\.(?=fields"))(\w+)"/g);
  return keys.filter((key) => key !== "name").map((key) => label[key] ?? `no label ${key}`);
}

/** The names in the settings of a help. */
const settings = (html: string) => matches(/<summary>(?:Settings|Einstellungen)<\/summary>[^]*?<\/details>/.exec(html)?.[0] ?? "", /<dt\b[^>]*>([^]*?)<\/dt>/g).map(plain);

describe("the help of", () => {
  for (const type of Object.keys(manifest["node-red"].nodes)) {
    describe(type, () => {
      for (const language of LANGUAGES) {
        it(`names each field of the dialog in its order, in ${language}`, () => {
          assert.deepEqual(settings(help(language, type)), labels(language, type));
        });

        it(`shows an example and links only to pages and headings of docs/ that exist, in ${language}`, () => {
          const html = help(language, type);
          assert.match(html, /<pre>/);
          const links = matches(html, /href="([^"]*)"/g).filter((link) => link.startsWith(DOCS));
          assert.notEqual(links.length, 0);
          for (const link of links) {
            const [file = "", anchor] = link.slice(DOCS.length).split("#");
            assert.ok(existsSync(join(root, file)), link);
            const headings = matches(read(file), /^#+ (.*)$/gm).map((heading) => heading.toLowerCase().replace(/[^\w -]/g, "").replaceAll(" ", "-"));
            if (anchor !== undefined) assert.ok(headings.includes(anchor), link);
          }
        });
      }

      it("has the same structure, names and examples in both languages", () => {
        const [english, german] = LANGUAGES.map((language) => help(language, type)) as [string, string];
        const structure = (html: string) => matches(html, /<(\/?(?:p|h3|dl|dt|dd|ol|ul|li|pre|details|summary|a))\b/g);
        assert.deepEqual(structure(german), structure(english));
        for (const pattern of [/<code>(.*?)<\/code>/g, /href="([^"]*)"/g]) assert.deepEqual(sorted(matches(german, pattern)), sorted(matches(english, pattern)));
        assert.deepEqual(matches(german, /<pre>([^]*?)<\/pre>/g), matches(english, /<pre>([^]*?)<\/pre>/g));
      });

      it("has only CEF lines that the formatter writes", () => {
        const written = Object.entries(sampleEvents).map(([kind, event]) => compileFormatter(mappings.get(kind)!).format(event));
        for (const shown of matches(help("en-US", type), /<pre>([^]*?)<\/pre>/g).flatMap((example) => matches(plain(example), /(CEF:0[^"\n]*)/g))) {
          const parts = shown.split("…").map((part) => part.trim());
          assert.ok(written.some((line) => line.startsWith(parts[0] ?? "") && parts.every((part) => line.includes(part))), shown);
        }
      });
    });
  }
});
