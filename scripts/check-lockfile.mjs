// The lockfiles and the settings hold no addresses: they install from whatever registry a machine is set up with.
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { sets } from "./aside.mjs"
import { main } from "./workspace.mjs"

const address = /:\/\/|tarball:|registry=/
/** @type {ReadonlyArray<readonly [file: string, address: RegExp]>} */
const files = [
  ["pnpm-lock.yaml", address],
  ["pnpm-workspace.yaml", address],
  [".npmrc", address],
  // npm notes also where one may give money to whom, which it installs nothing from.
  ...Object.values(sets).map(({ folder }) => /** @type {const} */ ([`${folder}/package-lock.json`, /"resolved":/]))
]

/**
 * @param {string} root
 * @returns {ReadonlyArray<string>}
 */
export const check = (root) =>
  files.flatMap(([file, refused]) =>
    existsSync(join(root, file))
      ? readFileSync(join(root, file), "utf8")
          .split("\n")
          .flatMap((line, i) => (refused.test(line) ? [`${file}:${i + 1}: names an address: ${line.trim()}`] : []))
      : [`${file} is missing`]
  )

await main(import.meta.url, check)
