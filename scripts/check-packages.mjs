// Packs every package as it would be published and looks at the result: publint finds nothing, not even a
// suggestion; README and licence are in; tests, caches (also of compiled code) and paths of this machine are not. Needs
// a build.
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { gunzipSync } from "node:zlib"
import { publint } from "publint"
import { formatMessage } from "publint/utils"
import { pnpm } from "./processes.mjs"
import { main, packages } from "./workspace.mjs"

/**
 * The files in a package's tarball. (What pnpm lists does not name the licence that it takes from the workspace.)
 *
 * @param {Buffer} tarball
 */
const entries = (tarball) => {
  const tar = gunzipSync(tarball)
  /** @type {Array<string>} */
  const found = []
  // A header of 512 bytes, its name ended by a zero, its size in octal; then the content, filled up to 512.
  for (let at = 0; at < tar.length && tar[at] !== 0;) {
    /** @param {number} from @param {number} length */
    const text = (from, length) => tar.toString("utf8", at + from, at + from + length).replace(/\0.*$/s, "")
    found.push(
      [text(345, 155), text(0, 100)]
        .filter((part) => part !== "")
        .join("/")
        .replace(/^package\//, "")
    )
    at += 512 + Math.ceil(Number.parseInt(text(124, 12), 8) / 512) * 512
  }
  return found
}

/**
 * @param {string} root
 * @returns {Promise<ReadonlyArray<string>>}
 */
export const check = async (root) => {
  const folder = mkdtempSync(join(tmpdir(), "mooring-pack-"))
  try {
    const { code, output } = await pnpm(["-r", "pack", "--json", "--pack-destination", folder], {
      cwd: root,
      stdio: ["ignore", "pipe", "inherit"]
    })
    if (code !== 0) return [`pnpm pack ended with ${code}`, output]
    /** @type {Array<{ readonly name: string, readonly filename: string }>} */
    const packed = JSON.parse(output)
    /** @type {Array<string>} */
    const problems = []
    for (const { folder: name, manifest } of packages(root).filter(({ manifest }) => manifest.private !== true)) {
      /** @param {string} what */
      const refuse = (what) => problems.push(`packages/${name}: ${what}`)
      const tarball = packed.find((other) => other.name === manifest.name)
      if (tarball === undefined) {
        refuse("was not packed")
        continue
      }
      const bytes = readFileSync(tarball.filename)
      const files = entries(bytes)
      for (const wanted of ["LICENSE", "README.md", "package.json", "src/index.ts"]) {
        if (!files.includes(wanted)) refuse(`the package lacks ${wanted}`)
      }
      for (const file of files) {
        if (/(^|\/)(test|node_modules|coverage)\/|\.tsbuildinfo$|\.v8(\.|$)|\.test\./.test(file))
          refuse(`the package holds ${file}`)
        // A build of a source that is gone would still be found by an import.
        const source = /^dist\/(?!bundle\/)(.*)\.(?:js|d\.ts)(?:\.map)?$/.exec(file)?.[1]
        if (source !== undefined && !files.includes(`src/${source}.ts`)) refuse(`${file} has no source any more`)
      }
      const { messages, pkg } = await publint({
        strict: true,
        pack: { tarball: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) }
      })
      for (const message of messages)
        refuse(`publint: ${formatMessage(message, pkg, { color: false }) ?? message.code}`)
    }
    return problems
  } finally {
    rmSync(folder, { force: true, recursive: true })
  }
}

await main(import.meta.url, check)
