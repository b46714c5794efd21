// Type-checks every ```ts block of the README files, of docs/ and of the comments in the sources, against the built
// packages, as strictly as the packages themselves: what we print can be copied. Needs a build.
import { mkdirSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { blocks } from "./documented.mjs"
import { root as workspace, run, tools } from "./processes.mjs"
import { main } from "./workspace.mjs"

/**
 * @param {string} root
 * @param {string} [folder] where the blocks are written: below a node_modules folder, so that imports resolve as they
 * would in a program beside the README
 * @returns {Promise<ReadonlyArray<string>>}
 */
export const check = async (root, folder = join(root, "node_modules/.cache/documented")) => {
  rmSync(folder, { force: true, recursive: true })
  mkdirSync(folder, { recursive: true })
  const all = blocks(root)
  if (all.length === 0) return []
  const files = new Map(all.map((block) => [`${block.file.replaceAll("/", "__")}.${block.line}.mts`, block]))
  for (const [name, { code }] of files) writeFileSync(join(folder, name), code)
  const config = {
    extends: join(workspace, "tsconfig.base.json"),
    compilerOptions: {
      composite: false,
      declaration: false,
      declarationMap: false,
      incremental: false,
      noEmit: true,
      noUnusedLocals: false
    },
    files: [...files.keys()]
  }
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config))
  const { code, output } = await run(
    process.execPath,
    tools.tsc("-p", join(folder, "tsconfig.json"), "--pretty", "false")
  )
  if (code === 0) return []
  // The file that a block stands in, at the line where it stands there.
  return output
    .trim()
    .split("\n")
    .map((line) =>
      line.replace(/^\S*?([^/\\\s]+\.mts)\((\d+),(\d+)\)/, (place, name, row, column) => {
        const block = files.get(name)
        return block === undefined ? place : `${block.file}:${row}:${column}`
      })
    )
}

await main(import.meta.url, check)
