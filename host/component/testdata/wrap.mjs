// Makes components of the core modules that package engine tests with: the same guest in both forms.
// Usage: node wrap.mjs <node_modules of jco> <directory of the guests>
import { readFileSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [modules, guests] = process.argv.slice(2);
const { componentNew, componentEmbed } = await import(pathToFileURL(`${modules}/@bytecodealliance/jco/dist/api.js`));
const worlds = { basic: "import host; export calls;", resource: "export things;" };
for (const [name, body] of Object.entries(worlds)) {
  const witSource = readFileSync(`${guests}/guests.wit`, "utf8") + `\nworld ${name}-guest { ${body} }\n`;
  const core = await componentEmbed({ binary: new Uint8Array(readFileSync(`${guests}/${name}.wasm`)), witSource, world: `${name}-guest`, stringEncoding: "utf8" });
  writeFileSync(`${name}.component.wasm`, await componentNew(core, []));
}
