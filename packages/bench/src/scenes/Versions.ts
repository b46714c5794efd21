/** Who plays: the version of what a subject is made of. */
import { existsSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import type { Measured } from "../Goal.js"

/** The package that the files in `subjects/` are made of, by how their names begin. */
const packages = [
  { begins: "mooring", name: "@mooring/mcp" },
  { begins: "sdk", name: "@modelcontextprotocol/sdk" },
  { begins: "undici", name: "undici" }
]

/** Of subjects that stand in a scene, each with what was set where that is not the default. */
export const of = (
  subjects: ReadonlyArray<{ readonly name: string; readonly file: string; readonly settings?: object }>
): ReadonlyArray<Measured> =>
  subjects.map(({ file, name, settings = {} }) => {
    const from = packages.find(({ begins }) => file.startsWith(begins))
    return {
      name,
      version: from === undefined ? `Node ${process.version}` : `${from.name} ${versionOf(from.name)}`,
      settings: Object.keys(settings).length === 0 ? "every setting at its default" : JSON.stringify(settings)
    }
  })

/** Of an installed package. Its manifest is read where it is: not every package lets that be imported. */
const versionOf = (name: string): string => {
  let folder = dirname(fileURLToPath(import.meta.url))
  for (;;) {
    const manifest = join(folder, "node_modules", name, "package.json")
    // It is what npm has checked.
    if (existsSync(manifest))
      return (JSON.parse(readFileSync(manifest, "utf8")) as { readonly version: string }).version
    const above = dirname(folder)
    if (above === folder) return "unknown"
    folder = above
  }
}
