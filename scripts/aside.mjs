// Sets of packages that are not the workspace's: each has a lockfile of its own, and is installed below
// node_modules/.cache by the job that needs it, never with the workspace.   node scripts/aside.mjs SET
import { createHash } from "node:crypto"
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { root, run } from "./processes.mjs"

/** @typedef {{ readonly folder: string, readonly what: string, readonly args: ReadonlyArray<string> }} Set */

/**
 * By the name of their folder below node_modules/.cache: where they are described, what they are, how npm installs them.
 *
 * @satisfies {Readonly<Record<string, Set>>}
 */
export const sets = {
  conformance: { folder: "scripts/conformance/suite", what: "the conformance suite and a Node for it", args: [] },
  // What they can do without is more than what they need.
  "bench-peers": { folder: "packages/bench/peers", what: "the peers to measure", args: ["--omit=optional"] }
}

/**
 * Installs what a set's lockfile has, unless it is there: only packages for this platform are. The other files of its
 * folder come along, so that their imports find the packages.
 *
 * @param {keyof typeof sets} name
 * @returns {Promise<string>} where
 */
export const install = async (name) => {
  const { args, folder, what } = sets[name]
  const from = join(root, folder)
  const cache = join(root, "node_modules/.cache", name)
  const stamp = join(cache, ".installed")
  const hash = createHash("sha256").update(`${process.platform} ${process.arch} ${args.join(" ")}`)
  for (const file of ["package.json", "package-lock.json"]) hash.update(readFileSync(join(from, file)))
  const fingerprint = hash.digest("hex")
  const installed = existsSync(stamp) && readFileSync(stamp, "utf8") === fingerprint
  if (!installed) rmSync(cache, { force: true, recursive: true })
  mkdirSync(cache, { recursive: true })
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    if (entry.isFile()) copyFileSync(join(from, entry.name), join(cache, entry.name))
  }
  if (installed) return cache
  console.error(`installing ${what} …`)
  const how = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error", ...args]
  const options = /** @type {const} */ ({ cwd: cache, shell: process.platform === "win32" })
  const { code, output } = await run("npm", [...how, `--prefix=${cache}`], options)
  if (code !== 0) throw new Error(`npm ci ended with ${code}\n${output}`)
  writeFileSync(stamp, fingerprint)
  return cache
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [name = ""] = process.argv.slice(2)
  if (!Object.hasOwn(sets, name)) throw new Error(`there is no set "${name}"; one of: ${Object.keys(sets).join(", ")}`)
  // It is one of them.
  await install(/** @type {keyof typeof sets} */ (name))
}
