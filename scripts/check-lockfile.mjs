// The lockfile and the manifests hold no addresses: they install from whatever registry a machine is set up with.
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { main } from "./workspace.mjs"

/**
 * @param {string} root
 * @returns {ReadonlyArray<string>}
 */
export const check = (root) =>
  ["pnpm-lock.yaml", "pnpm-workspace.yaml", ".npmrc"].flatMap((file) =>
    existsSync(join(root, file))
      ? readFileSync(join(root, file), "utf8")
          .split("\n")
          .flatMap((line, i) =>
            /:\/\/|tarball:|registry=/.test(line) ? [`${file}:${i + 1}: names an address: ${line.trim()}`] : []
          )
      : [`${file} is missing`]
  )

await main(import.meta.url, check)
