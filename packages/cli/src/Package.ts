/**
 * This package on disk: its folder and version. The code runs from `src`, from `dist` and bundled from `dist/bundle`,
 * so the folder is looked for instead of counted. An edge file: it reads the disk synchronously, once, so that
 * `--version` needs nothing else.
 *
 * @since 0.1.0
 */
import { existsSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

const find = (): string => {
  let folder = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(folder, "package.json"))) {
    const parent = dirname(folder)
    if (parent === folder) throw new Error("mooring's package.json is missing")
    folder = parent
  }
  return folder
}

/**
 * The folder that holds this package's `package.json`.
 *
 * @since 0.1.0
 * @category constants
 */
export const root: string = find()

/**
 * @since 0.1.0
 * @category constants
 */
export const version: string = String(JSON.parse(readFileSync(join(root, "package.json"), "utf8")).version)
