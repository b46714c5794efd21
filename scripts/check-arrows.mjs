// Imports between packages run one way only, and a package imports nothing that its package.json does not declare.
import { readFileSync } from "node:fs"
import { builtinModules } from "node:module"
import { dirname, join, resolve, sep } from "node:path"
import { imports, main, packages, shown, sources } from "./workspace.mjs"

/**
 * What a package's sources may import of the others. A folder's subpath (`testing/node`: the files `src/node.ts` and
 * `src/node/**`) has a row of its own. Tests follow the same rows.
 *
 * @type {Readonly<Record<string, { readonly packages: ReadonlyArray<string>, readonly node: boolean }>>}
 */
const arrows = {
  pool: { packages: [], node: false },
  mcp: { packages: ["pool"], node: false },
  node: { packages: ["mcp", "pool"], node: true },
  testing: { packages: ["mcp", "pool"], node: false },
  "testing/node": { packages: ["node", "mcp", "pool"], node: true },
  cli: { packages: ["node", "mcp", "pool"], node: true },
  bench: { packages: ["testing", "node", "mcp", "pool"], node: true },
  examples: { packages: ["testing", "node", "mcp", "pool"], node: true }
}

/** @param {string} specifier `@scope/name/path` → `@scope/name` */
const packageOf = (specifier) =>
  specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/")

/**
 * @param {string} root
 * @returns {ReadonlyArray<string>}
 */
export const check = (root) => {
  const all = packages(root)
  const folderOf = new Map(all.map(({ folder, manifest }) => [manifest.name, folder]))
  const solution = readFileSync(join(root, "packages/tsconfig.json"), "utf8")
  /** @type {Array<string>} */
  const problems = []

  for (const { folder, manifest, path } of all) {
    const row = arrows[folder]
    if (row === undefined) {
      problems.push(`packages/${folder}: no row in the table of scripts/check-arrows.mjs`)
      continue
    }
    const ofNode = arrows[`${folder}/node`]
    const tests = sources(join(path, "test"))
    for (const project of [folder, ...(tests.length > 0 ? [`${folder}/tsconfig.test.json`] : [])]) {
      if (!solution.includes(`"${project}"`)) {
        problems.push(`packages/tsconfig.json: does not reference "${project}", so nothing type-checks it`)
      }
    }

    const shipped = new Set(Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies }))
    const declared = new Set([...shipped, ...Object.keys(manifest.devDependencies ?? {})])
    const widest = [...row.packages, ...(ofNode?.packages ?? [])]
    for (const name of declared) {
      const target = folderOf.get(name)
      if (target !== undefined && !widest.includes(target)) {
        problems.push(`packages/${folder}/package.json: may not depend on ${name}`)
      }
    }

    const src = join(path, "src")
    /** @param {string} file */
    const ofSubpath = (file) => file === join(src, "node.ts") || file.startsWith(join(src, "node") + sep)
    for (const file of [...sources(src), ...tests]) {
      const inSrc = file.startsWith(src + sep)
      const allowed = ofNode !== undefined && (!inSrc || ofSubpath(file)) ? ofNode : row
      for (const { line, specifier } of imports(file)) {
        /** @param {string} why */
        const refuse = (why) => problems.push(`${shown(root, file)}:${line}: "${specifier}" ${why}`)
        if (specifier.startsWith(".")) {
          const target = resolve(dirname(file), specifier)
          if (!target.startsWith(path + sep)) refuse("reaches into another folder: import the package by its name")
          else if (inSrc && !target.startsWith(src + sep)) refuse("leaves src: what is published holds only src")
          else if (inSrc && ofNode !== undefined && allowed !== ofNode && ofSubpath(target.replace(/\.js$/, ".ts"))) {
            refuse("belongs to the Node subpath, which the rest must not need")
          }
          continue
        }
        if (specifier.startsWith("node:")) {
          if (inSrc && !allowed.node) refuse("makes this package depend on Node: it must run anywhere")
          continue
        }
        const name = packageOf(specifier)
        if (builtinModules.includes(name)) {
          refuse(`is a module of Node: write "node:${specifier}"`)
          continue
        }
        const target = folderOf.get(name)
        if (target === folder) {
          if (inSrc) refuse("is this package itself: import the file")
          continue
        }
        if (target !== undefined && !allowed.packages.includes(target)) {
          const may = allowed.packages.map((other) => `packages/${other}`).join(", ")
          refuse(`is an arrow that points back: packages/${folder} may import ${may === "" ? "no other package" : may}`)
        } else if (!declared.has(name)) {
          refuse(`is not declared in packages/${folder}/package.json`)
        } else if (inSrc && !shipped.has(name) && manifest.private !== true) {
          refuse("is only a devDependency: users would not have it")
        }
      }
    }
  }
  return problems
}

await main(import.meta.url, check)
