/** The version of what a subject measures, as its own package says. */
import { readFileSync } from "node:fs"
import { dirname, join } from "node:path"

/** That of the package which Node finds from a folder, or of Node itself where there is no package. */
export const versionOf = (name: string | undefined, from: string): string => {
  if (name === undefined) return `Node ${process.version}`
  for (let folder = from; ; folder = dirname(folder)) {
    const version = versionIn(join(folder, "node_modules", name))
    if (version !== undefined) return version
    if (folder === dirname(folder)) return "not installed"
  }
}

const versionIn = (folder: string): string | undefined => {
  try {
    const manifest: unknown = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"))
    if (typeof manifest !== "object" || manifest === null || !("version" in manifest)) return undefined
    return String(manifest.version)
  } catch {
    // It is not here: the next folder may have it.
    return undefined
  }
}
