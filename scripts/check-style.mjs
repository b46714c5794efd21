// Rules of the house that no linter knows. Time, chance, the console and the environment reach the sources only
// through Effect's services; a file that must touch them itself says so above its first statement, and why:
//   An edge file: Node has no other way to learn that a child has exited.
// And no test is skipped or alone.
import { join } from "node:path"
import { Visitor } from "rolldown/utils"
import { main, packages, parse, shown, sources } from "./workspace.mjs"

const timers = new Set(["setTimeout", "setInterval"])
const members = new Set([
  "Date.now",
  "Math.random",
  "performance.now",
  "process.env",
  "process.hrtime",
  "globalThis.setTimeout",
  "globalThis.setInterval"
])
const cure = "use Effect's service, or say on top why this is an edge file"
const alone = new Set(["fails", "only", "skip", "todo"])
const suites = new Set(["describe", "it", "layer", "suite", "test"])

/**
 * `a.b.c` as its names; undefined for anything else.
 *
 * @param {import("rolldown/utils").ESTree.Node} node
 * @returns {ReadonlyArray<string> | undefined}
 */
const names = (node) => {
  if (node.type === "Identifier") return [node.name]
  if (node.type === "CallExpression") return names(node.callee)
  if (node.type !== "MemberExpression" || node.property.type !== "Identifier" || node.computed) return undefined
  const object = names(node.object)
  return object === undefined ? undefined : [...object, node.property.name]
}

/**
 * @param {string} root
 * @param {string} file
 * @returns {ReadonlyArray<string>}
 */
const edges = (root, file) => {
  const { comments, line, program } = parse(file)
  const start = program.body[0]?.start ?? Number.POSITIVE_INFINITY
  if (comments.some(({ end, value }) => end <= start && /\bedge file:[\s*]+\S/i.test(value))) return []
  /** @type {Array<string>} */
  const found = []
  /** @param {{ readonly start: number }} node @param {string} what */
  const add = (node, what) => found.push(`${shown(root, file)}:${line(node.start)}: ${what} outside an edge: ${cure}`)
  new Visitor({
    CallExpression: (node) => {
      if (node.callee.type === "Identifier" && timers.has(node.callee.name)) add(node, node.callee.name)
    },
    NewExpression: (node) => {
      if (node.callee.type === "Identifier" && node.callee.name === "Date" && node.arguments.length === 0) {
        add(node, "new Date()")
      }
    },
    MemberExpression: (node) => {
      const path = names(node)
      if (path === undefined || path.length !== 2) return
      if (path[0] === "console" || members.has(path.join("."))) add(node, path.join("."))
    }
  }).visit(program)
  return found
}

/**
 * @param {string} root
 * @param {string} file
 * @returns {ReadonlyArray<string>}
 */
const skipped = (root, file) => {
  const { line, program } = parse(file)
  /** @type {Array<string>} */
  const found = []
  new Visitor({
    MemberExpression: (node) => {
      const path = names(node)
      const last = path?.at(-1)
      if (path === undefined || last === undefined || !suites.has(path[0] ?? "") || !alone.has(last)) return
      found.push(`${shown(root, file)}:${line(node.start)}: ${path.join(".")}: every test runs, and passes`)
    }
  }).visit(program)
  return found
}

/**
 * @param {string} root
 * @returns {ReadonlyArray<string>}
 */
export const check = (root) =>
  packages(root).flatMap(({ folder, path }) => [
    // Benchmarks measure real time and print.
    ...(folder === "bench" ? [] : sources(join(path, "src")).flatMap((file) => edges(root, file))),
    ...sources(join(path, "test")).flatMap((file) => skipped(root, file))
  ])

await main(import.meta.url, check)
