import js from "@eslint/js";
import regexp from "eslint-plugin-regexp";
import tseslint from "typescript-eslint";

const nodeGlobals = {
  process: "readonly",
  console: "readonly",
  performance: "readonly",
  Buffer: "readonly",
  URL: "readonly",
  setTimeout: "readonly",
  clearTimeout: "readonly",
  setInterval: "readonly",
  clearInterval: "readonly",
  setImmediate: "readonly",
  fetch: "readonly",
};

export default tseslint.config(
  { ignores: ["dist/", "resources/", "node_modules/", "coverage/", ".demo/", ".cache/"] },
  js.configs.recommended,
  {
    // Expressions read what people and servers write: time must grow with the length of the text only.
    plugins: { regexp },
    rules: { "regexp/no-super-linear-backtracking": "error", "regexp/no-super-linear-move": "error" },
  },
  { files: ["**/*.mjs", "**/*.cjs"], languageOptions: { globals: nodeGlobals } },
  { files: ["**/*.cjs"], languageOptions: { sourceType: "commonjs" } },
  {
    files: ["**/*.ts"],
    extends: [...tseslint.configs.recommendedTypeChecked],
    languageOptions: {
      parserOptions: {
        project: ["./tsconfig.test.json", "./tsconfig.editor.json"],
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_" }],
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/switch-exhaustiveness-check": "error",
      "@typescript-eslint/require-await": "off",
      eqeqeq: ["error", "always", { null: "ignore" }],
      // No code is made at run time.
      "no-eval": "error",
      "no-new-func": "error",
      "@typescript-eslint/no-implied-eval": "error",
      "no-restricted-globals": ["error", { name: "WebAssembly" }],
    },
  },
  {
    files: ["src/**/*.ts"],
    rules: {
      "no-restricted-imports": [
        "error",
        { patterns: [{ regex: "^(node-red|@node-red/)", message: "src/ never sees Node-RED: take what you need as a parameter." }] },
      ],
    },
  },
  {
    // Node-RED loads a node through `module.exports`, so an adapter ends with `export =`.
    files: ["nodes/**/*.ts"],
    rules: { "@typescript-eslint/no-require-imports": "off" },
  },
);
