// The workspace as the checks see it: its packages, their sources, and what the sources import.
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join, relative, sep } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import { parseSync, Visitor } from "rolldown/utils"

/**
 * @typedef {{
 *   readonly name: string
 *   readonly private?: boolean
 *   readonly dependencies?: Readonly<Record<string, string>>
 *   readonly peerDependencies?: Readonly<Record<string, string>>
 *   readonly devDependencies?: Readonly<Record<string, string>>
 * }} Manifest
 * @typedef {{ readonly folder: string, readonly path: string, readonly manifest: Manifest }} Package
 */

/**
 * The packages of a workspace, by folder name.
 *
 * @param {string} root
 * @returns {ReadonlyArray<Package>}
 */
export const packages = (root) =>
  readdirSync(join(root, "packages"))
    .filter((folder) => existsSync(join(root, "packages", folder, "package.json")))
    .sort()
    .map((folder) => {
      const path = join(root, "packages", folder)
      return { folder, path, manifest: JSON.parse(readFileSync(join(path, "package.json"), "utf8")) }
    })

/**
 * The TypeScript files below a folder, none if there is no such folder.
 *
 * @param {string} folder
 * @returns {ReadonlyArray<string>}
 */
export const sources = (folder) =>
  existsSync(folder)
    ? readdirSync(folder, { encoding: "utf8", recursive: true })
        .filter((file) => /\.m?ts$/.test(file) && !file.split(sep).includes("node_modules"))
        .sort()
        .map((file) => join(folder, file))
    : []

/**
 * A parsed source file.
 *
 * @param {string} path
 */
export const parse = (path) => {
  const text = readFileSync(path, "utf8")
  const { comments, errors, program } = parseSync(path, text)
  if (errors.length > 0) throw new Error(`${path}: ${errors[0]?.message}`)
  /** @param {number} offset */
  const line = (offset) => text.slice(0, offset).split("\n").length
  return { text, program, comments, line }
}

/**
 * Every module that a source file names: imports, exports from, dynamic imports and import types.
 *
 * @param {string} path
 * @returns {ReadonlyArray<{ readonly specifier: string, readonly line: number }>}
 */
export const imports = (path) => {
  const { line, program } = parse(path)
  /** @type {Array<{ readonly specifier: string, readonly line: number }>} */
  const found = []
  /** @param {{ readonly source: import("rolldown/utils").ESTree.Expression | null }} node */
  const add = ({ source }) => {
    if (source?.type !== "Literal" || typeof source.value !== "string") return
    found.push({ specifier: source.value, line: line(source.start) })
  }
  new Visitor({
    ImportDeclaration: add,
    ExportNamedDeclaration: add,
    ExportAllDeclaration: add,
    ImportExpression: add,
    TSImportType: add
  }).visit(program)
  return found
}

/**
 * Ends a check: prints each problem, `file:line: what and why`, and fails if there is one. Does nothing when the
 * script was imported instead of run.
 *
 * @param {string} script `import.meta.url` of the check
 * @param {(root: string) => ReadonlyArray<string> | Promise<ReadonlyArray<string>>} check
 */
export const main = async (script, check) => {
  if (script !== pathToFileURL(process.argv[1] ?? "").href) return
  const root = fileURLToPath(new URL("..", import.meta.url))
  const problems = await check(root)
  for (const problem of problems) console.error(problem)
  process.exitCode = problems.length === 0 ? 0 : 1
}

/**
 * A path as people write it: from the workspace's folder, with slashes.
 *
 * @param {string} root
 * @param {string} path
 */
export const shown = (root, path) => relative(root, path).split(sep).join("/")
