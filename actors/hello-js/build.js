// Makes hello.wasm: the script, its world, and the JavaScript engine that runs it, in one component.
import { componentize } from "@bytecodealliance/componentize-js";
import { copyFile, mkdir, readdir, readFile, writeFile } from "node:fs/promises";

// The world's interfaces are the host's contracts.
const contracts = new URL("../../wit/wasi/", import.meta.url);
const deps = new URL("world/deps/", import.meta.url);
await mkdir(deps, { recursive: true });
for (const name of await readdir(contracts)) await copyFile(new URL(name, contracts), new URL(name, deps));

const { component } = await componentize(await readFile(new URL("hello.js", import.meta.url), "utf8"), {
  sourceName: "hello.js",
  witPath: new URL("world", import.meta.url).pathname,
  worldName: "hello",
  disableFeatures: ["stdio", "random", "clocks", "fetch-event"], // not http: that would take wasi:http/types away, too
});
await writeFile(new URL("hello.wasm", import.meta.url), component);
