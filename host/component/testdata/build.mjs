// Turns each .wast file beside it into a .json file of the same name: the commands in order, components as base64.
// A .wast file has components and assertions about them, as in the WebAssembly specification's tests; of the commands only those
// that are used here are read. Usage: node build.mjs <node_modules of jco> <file.wast>...
import { readFileSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [modules, ...files] = process.argv.slice(2);
const { parse } = await import(pathToFileURL(`${modules}/@bytecodealliance/jco/dist/api.js`));

// forms splits text into its parenthesized forms, with the line of each.
function* forms(text) {
  let depth = 0, start = 0, line = 1, from = 1;
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (c === "\n") line++;
    else if (c === ";" && text[i + 1] === ";") { while (i + 1 < text.length && text[i + 1] !== "\n") i++; }
    else if (c === '"') { for (i++; text[i] !== '"'; i++) { if (text[i] === "\\") i++; if (text[i] === "\n") line++; } }
    else if (c === "(") { if (depth++ === 0) { start = i; from = line; } }
    else if (c === ")" && --depth === 0) yield { line: from, text: text.slice(start, i + 1) };
  }
}

const inner = f => [...forms(f.text.slice(1, -1))];
const head = f => f.text.match(/^\(\s*([\w.-]+)/)[1];
const string = s => JSON.parse(s.replace(/\\([0-9a-f]{2})/g, (_, h) => "\\u00" + h));
const strings = t => [...t.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(m => string(m[0]));

async function binary(f) {
  const quoted = f.text.match(/^\(component(?: definition)?\s+binary\s/);
  if (quoted) {
    const bytes = [];
    for (const m of f.text.slice(quoted[0].length).replace(/;;.*$/gm, "").matchAll(/"([^"]*)"/g))
      for (const b of m[1].matchAll(/\\([0-9a-f]{2})|([^\\])/g)) bytes.push(b[1] ? parseInt(b[1], 16) : b[2].charCodeAt(0));
    return Buffer.from(bytes).toString("base64");
  }
  return Buffer.from(await parse(f.text.replace(/^\(component\s+definition/, "(component"))).toString("base64");
}

// value turns (u32.const 1) and the like into JSON.
function value(f) {
  const kind = head(f).replace(/\.const$/, "");
  const rest = f.text.slice(f.text.indexOf(".const") + 6, -1).trim();
  if (kind === "str" || kind === "char" || kind === "enum") return string(rest);
  if (kind === "list" || kind === "tuple") return inner(f).map(value);
  if (kind === "bool") return rest === "true";
  return Number(rest);
}

async function command(f) {
  switch (head(f)) {
    case "component": return { op: "component", run: !/^\(component\s+definition/.test(f.text), wasm: await binary(f) };
    case "assert_invalid": case "assert_malformed": {
      const [c] = inner(f);
      return { op: head(f).slice(7), wasm: await binary(c), why: strings(f.text.slice(f.text.lastIndexOf(c.text) + c.text.length))[0] };
    }
    case "assert_return": case "assert_trap": {
      const [call, ...results] = inner(f);
      const out = { op: head(f).slice(7), func: strings(call.text)[0], args: inner(call).map(value), results: results.map(value) };
      if (out.op === "trap") out.why = strings(f.text.slice(f.text.indexOf(call.text) + call.text.length))[0];
      return out;
    }
  }
  throw new Error(`unknown command ${head(f)}`);
}

for (const file of files) {
  const out = [];
  for (const f of forms(readFileSync(file, "utf8"))) {
    try {
      out.push({ line: f.line, ...await command(f) });
    } catch (e) {
      console.error(`${file}:${f.line}: ${e.message ?? JSON.stringify(e)}`);
      process.exitCode = 1;
    }
  }
  writeFileSync(file.replace(/wast$/, "json"), "[\n" + out.map(c => JSON.stringify(c)).join(",\n") + "\n]\n");
}
