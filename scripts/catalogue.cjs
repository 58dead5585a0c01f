/**
 * Loaded into node-red-dev (`--require`): it breaks down where Node-RED's catalogue of packages cannot be reached. Then it
 * gets an empty one, and a line on stderr says which checks prove nothing.
 */
const Module = require("node:module");

const CATALOGUE = "https://catalogue.nodered.org/catalogue.json";
const load = Module._load;
let replaced = false;

Module._load = function (request, ...others) {
  const loaded = load.call(this, request, ...others);
  if (request === "axios" && !replaced) {
    replaced = true;
    const get = loaded.get.bind(loaded);
    loaded.get = async (url, ...options) => {
      if (url !== CATALOGUE) return get(url, ...options);
      try {
        return await get(url, { timeout: 15_000 });
      } catch (error) {
        console.error(`the catalogue is not reachable (${error.message}): P08 and N01 are not really checked`);
        return { data: { modules: [] } };
      }
    };
  }
  return loaded;
};
