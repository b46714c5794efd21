// Bundles the command: a small entry that starts fast, and a script with all the rest, which V8 compiles once
// (packages/cli/src/CodeCache.ts). Each module of it runs when it is first imported: `mooring servers` runs nothing of
// the demo. packages/cli/bin/mooring.js, which is committed so that pnpm can link it before the first build, imports
// the entry.
import { existsSync, readdirSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { rolldown } from "rolldown"
import { add } from "./generations.mjs"
import { root } from "./processes.mjs"

const dist = join(root, "packages/cli/dist")
const out = join(dist, "bundle")
const entry = join(out, "bin.js")

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
  await bundle.write({ dir, format: "esm", minify: true })
  await bundle.close()
}

/** @param {string} dir */
const bundleScript = async (dir) => {
  const bundle = await rolldown({ ...common, input: join(dist, "Run.js") })
  const { output } = await bundle.generate({
    charset: "ascii",
    codeSplitting: false,
    format: "cjs",
    minify: true,
    strictExecutionOrder: true
  })
  await bundle.close()
  // What is left stands in comments. A script of nothing but ASCII is read 9 ms faster.
  const code = output[0].code.replace(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
  writeFileSync(join(dir, "run.cjs"), code)
}

if (stale()) {
  await add(out, "bin.js", async (dir) => {
    await bundleEntry(dir)
    await bundleScript(dir)
  })
}
