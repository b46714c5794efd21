/** Who plays: the version of what a subject is made of. */
import { fileURLToPath } from "node:url"
import { versionOf } from "../calls/Version.js"
import type { Measured } from "../Goal.js"

/** The package that the files in `subjects/` are made of, by how their names begin. */
const packages = [
  { begins: "mooring", name: "@mooring/mcp" },
  { begins: "sdk", name: "@modelcontextprotocol/sdk" },
  { begins: "effect", name: "effect" },
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
      version: from === undefined ? versionOf(undefined, here) : `${from.name} ${versionOf(from.name, here)}`,
      settings: Object.keys(settings).length === 0 ? "every setting at its default" : JSON.stringify(settings)
    }
  })

const here = fileURLToPath(new URL(".", import.meta.url))
