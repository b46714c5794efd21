// Bundles the command: a small entry that starts fast, and scripts with all the rest, which V8 compiles once
// (packages/cli/src/CodeCache.ts): one with what every command loads, one with what it takes to speak to a server, and
// one for each other dynamic import. packages/cli/bin/mooring.js, which is committed so that pnpm can link it before
// the first build, imports the entry.
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { rolldown } from "rolldown"
import { add } from "./generations.mjs"
import { root } from "./processes.mjs"

const dist = join(root, "packages/cli/dist")
const out = join(dist, "bundle")
const entry = join(out, "bin.cjs")

/** Whether something that goes into the bundle is younger than the last one. */
const stale = () => {
  if (!existsSync(entry)) return true
  const built = statSync(entry).mtimeMs
  const inputs = ["pnpm-lock.yaml", "scripts/bundle.mjs", "scripts/generations.mjs"].map((path) => join(root, path))
  for (const name of readdirSync(join(root, "packages"))) {
    const dist = join(root, "packages", name, "dist")
    if (!existsSync(dist)) continue
    for (const file of readdirSync(dist, { encoding: "utf8", recursive: true })) {
      if (file.endsWith(".js") && !file.startsWith("bundle")) inputs.push(join(dist, file))
    }
  }
  return inputs.some((path) => statSync(path).mtimeMs > built)
}

// What a module of ours imports from another package of ours is imported from the module that has it: each index
// imports all modules of its package, and would run them all.
/** @type {import("rolldown").Plugin} */
const direct = {
  name: "direct",
  transform: (code) => {
    const names = /^import \{([^}]*)\} from "@mooring\/(\w+)";$/gm
    return code.replace(names, (_, /** @type {string} */ list, /** @type {string} */ name) =>
      list
        .split(",")
        .map((item) => {
          const [module = "", as = module] = item.trim().split(" as ")
          return `import * as ${as} from ${JSON.stringify(join(root, "packages", name, "dist", `${module}.js`))};`
        })
        .join("")
    )
  }
}

/** @type {import("rolldown").InputOptions} */
const common = {
  platform: "node",
  // Some packages have a "main" that finds its own files by computed names, which no bundler can follow.
  resolve: { mainFields: ["module", "main"] }
}

/** @param {string} dir */
const bundleEntry = async (dir) => {
  const bundle = await rolldown({
    ...common,
    input: join(dist, "bin.js"),
    plugins: [
      {
        name: "run",
        resolveId: (source) => (source === "./Run.js" ? join(dist, "CachedRun.js") : undefined)
      }
    ]
  })
  // Node takes 5 ms less to start by `require`.
  await bundle.write({
    codeSplitting: false,
    dir,
    entryFileNames: "bin.cjs",
    format: "cjs",
    minify: true,
    strictExecutionOrder: true
  })
  await bundle.close()
}

// Its modules define things and do nothing else, but do not say so. The environment of a server is looked up in one that
// imports all schemas for what else is in it: they would be made before the server is started.
const sdk = /@modelcontextprotocol[\\/]sdk/

/** @param {string} dir */
const bundleScripts = async (dir) => {
  const start = new Set()
  const client = new Set()
  const bundle = await rolldown({
    ...common,
    input: join(dist, "Run.js"),
    plugins: [
      direct,
      {
        name: "parts",
        buildEnd() {
          /** @param {Set<string>} part @param {string} id */
          const collect = (part, id) => {
            if (part.has(id)) return
            part.add(id)
            if (part === start && sdk.test(id)) return
            for (const imported of this.getModuleInfo(id)?.importedIds ?? []) collect(part, imported)
          }
          collect(start, join(dist, "Run.js"))
          collect(client, join(dist, "ClientPool.js"))
        }
      }
    ],
    treeshake: { moduleSideEffects: [{ test: sdk, sideEffects: false }] }
  })
  const { output } = await bundle.write({
    charset: "ascii",
    chunkFileNames: "[name].cjs",
    codeSplitting: {
      groups: [
        { name: "start", priority: 2, test: (id) => start.has(id) },
        { name: "client", priority: 1, test: (id) => client.has(id) }
      ]
    },
    dir,
    entryFileNames: "run.cjs",
    format: "cjs",
    minify: true,
    strictExecutionOrder: true
  })
  await bundle.close()
  for (const { fileName } of output) {
    const path = join(dir, fileName)
    // What is left stands in comments. Scripts of nothing but ASCII are read 9 ms faster.
    const escape = (/** @type {string} */ unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`
    writeFileSync(path, readFileSync(path, "utf8").replace(/[^\0-\x7f]/g, escape))
  }
}

if (stale()) {
  await add(out, "bin.cjs", async (dir) => {
    await bundleEntry(dir)
    await bundleScripts(dir)
  })
}
