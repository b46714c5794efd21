// The code that the documentation shows: ```ts blocks of the Markdown files, and those in comments of the sources.
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { packages, parse, shown, sources } from "./workspace.mjs"

/**
 * A block keeps its place: `code` starts with as many empty lines as stand before it in the file, so that what the
 * compiler says about a line is true of the file.
 *
 * @typedef {{ readonly file: string, readonly line: number, readonly code: string }} Block
 * @typedef {Block & { readonly name: string, readonly kind: "run" | "test", readonly output: string }} Program
 */

/**
 * The Markdown files that are for users.
 *
 * @param {string} root
 */
const pages = (root) => {
  const folders = [root, join(root, "docs"), ...packages(root).map(({ path }) => path)]
  return folders
    .filter((folder) => existsSync(folder))
    .flatMap((folder) =>
      readdirSync(folder)
        .filter((file) => file.endsWith(".md"))
        .map((file) => join(folder, file))
    )
}

/**
 * The fenced blocks of a text, with the line that stands before each (blank lines left out).
 *
 * @param {string} text
 */
const fences = (text) => {
  /** @type {Array<{ readonly language: string, readonly line: number, readonly code: string, readonly before: string }>} */
  const found = []
  const lines = text.split("\n")
  let before = ""
  for (let i = 0; i < lines.length; i++) {
    const open = /^(\s*)(```+)\s*(\S*)/.exec(lines[i] ?? "")
    if (open === null) {
      if (lines[i]?.trim() !== "") before = lines[i] ?? ""
      continue
    }
    const [, , ticks = "", language = ""] = open
    const first = i + 1
    for (i++; i < lines.length && lines[i]?.trim() !== ticks; i++);
    found.push({ language, line: first + 1, code: lines.slice(first, i).join("\n"), before })
    before = ""
  }
  return found
}

/** @param {string} language */
const isTypeScript = (language) => language === "ts" || language === "typescript"

/**
 * Every block of TypeScript: of the Markdown files, and of the comments in the packages' sources.
 *
 * @param {string} root
 * @returns {ReadonlyArray<Block>}
 */
export const blocks = (root) => {
  /**
   * @param {string} path
   * @param {string} text
   */
  const of = (path, text) =>
    fences(text)
      .filter(({ language }) => isTypeScript(language))
      .map(({ code, line }) => ({ file: shown(root, path), line, code: "\n".repeat(line - 1) + code + "\n" }))
  return [
    ...pages(root).flatMap((path) => of(path, readFileSync(path, "utf8"))),
    ...packages(root)
      .flatMap((own) => sources(join(own.path, "src")))
      .flatMap((path) => {
        const { comments, line, text } = parse(path)
        return comments
          .filter(({ type, value }) => type === "Block" && value.includes("```"))
          .flatMap(({ end, start }) => {
            // Blanks in place of the asterisks keep the columns, empty lines above keep the lines.
            const comment = text.slice(start, end).replace(/^\s*\* ?/gm, (star) => star.replace("*", " "))
            return of(path, "\n".repeat(line(start) - 1) + comment)
          })
      })
  ]
}

/**
 * The programs that a page prints and a test runs: TypeScript under `<!-- run: name -->`, and what it prints in the
 * block under `<!-- output: name -->`; or a file of tests under `<!-- test: name -->`.
 *
 * @param {string} root
 * @returns {ReadonlyArray<Program>}
 */
export const programs = (root) =>
  pages(root).flatMap((path) => {
    const all = fences(readFileSync(path, "utf8"))
    /** @type {Array<Program>} */
    const found = []
    for (const { before, code, language, line } of all) {
      const [, kind, name = ""] = /^<!-- (run|test): (\S+) -->$/.exec(before.trim()) ?? []
      if (kind === undefined) continue
      const file = shown(root, path)
      const output = all.find((other) => other.before.trim() === `<!-- output: ${name} -->`)?.code
      if (!isTypeScript(language)) throw new Error(`${file}:${line}: "${name}" is to be run, but is no ts block`)
      if (kind === "test") found.push({ file, line, code, name, kind, output: "" })
      else if (output !== undefined) found.push({ file, line, code, name, kind: "run", output })
      else throw new Error(`${file}:${line}: "${name}" is run, but no block says <!-- output: ${name} -->`)
    }
    return found
  })
