// Bundles the command: one small entry that starts fast, and a chunk for each dynamic import, loaded when needed.
// packages/cli/bin/mooring.js, which is committed so that pnpm can link it before the first build, imports the entry.
import { existsSync, readdirSync, statSync } from "node:fs"
import { join } from "node:path"
import { rolldown } from "rolldown"
import { add } from "./generations.mjs"
import { root } from "./processes.mjs"

const out = join(root, "packages/cli/dist/bundle")
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

if (stale()) {
  await add(out, "bin.js", async (dir) => {
    const bundle = await rolldown({
      input: join(root, "packages/cli/dist/bin.js"),
      platform: "node",
      // Some packages have a "main" that finds its own files by computed names, which no bundler can follow.
      resolve: { mainFields: ["module", "main"] }
    })
    await bundle.write({ dir, format: "esm", minify: true })
    await bundle.close()
  })
}
