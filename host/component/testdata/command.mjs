// Makes a component of a core module of WASI preview 1, with the adapter that comes with jco.
// Usage: node command.mjs <node_modules of jco> <core.wasm> <out.wasm>
import { readFileSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [modules, core, out] = process.argv.slice(2);
const { componentNew } = await import(pathToFileURL(`${modules}/@bytecodealliance/jco/dist/api.js`));
const adapter = new Uint8Array(readFileSync(`${modules}/@bytecodealliance/jco/lib/wasi_snapshot_preview1.command.wasm`));
writeFileSync(out, await componentNew(new Uint8Array(readFileSync(core)), [["wasi_snapshot_preview1", adapter]]));
