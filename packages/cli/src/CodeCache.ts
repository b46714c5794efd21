/**
 * Runs scripts with the code that V8 made of them in an earlier run, kept in a file beside each: whoever could change
 * that file could change the script. Of the CPU time from the start of Node to the start of a server, this takes away
 * 40 of 76 ms (Node 20, `mooring call`).
 *
 * Where nothing can be kept, or what is kept is of no use, the script runs all the same, and nobody is told.
 *
 * An edge file: this is about files beside the code, which are read before anything of Effect is there.
 *
 * @since 0.1.0
 */
import { closeSync, openSync, readFileSync, renameSync, rmSync, writeSync } from "node:fs"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import { constants, Script } from "node:vm"
import { crc32 } from "node:zlib"

/**
 * The file that keeps the code of a script: each V8 has its own. V8 refuses what another one made, or one with other
 * flags, or for a script of another length. It would take it for one of the same length: a script must never be changed
 * where it is (`scripts/generations.mjs` gives each build its own folder).
 *
 * @since 0.1.0
 * @category combinators
 */
export const fileOf = (script: string): string => `${script}.${process.arch}-${process.versions.v8}.v8`

/**
 * Runs a CommonJS script of nothing but ASCII, and gives its exports. What it requires by `./` is another such script,
 * and runs once. When the process ends well, the code of each is kept if none was of use, or if nothing was done for
 * this `purpose` before: V8 compiles a function when it is called, so each purpose adds its own.
 *
 * @since 0.1.0
 * @category combinators
 */
export const load = (file: string, purpose: string): unknown => {
  const folder = dirname(file)
  const native = createRequire(file)
  const modules = new Map<string, { readonly exports: unknown }>()
  const wanting: Array<Wanting> = []
  process.once("exit", (code) => {
    // Who failed may not have seen much of the scripts.
    if (code === 0) for (const each of wanting) keep(each)
  })
  const run = (path: string): unknown => {
    const module = modules.get(path) ?? { exports: {} }
    if (!modules.has(path)) {
      modules.set(path, module)
      const { script, wants } = compile(path, purpose)
      if (wants !== undefined) wanting.push(wants)
      script.runInThisContext()(module.exports, require, module, path, folder)
    }
    return module.exports
  }
  const require = (id: string): unknown => (id.startsWith("./") ? run(join(folder, id)) : native(id))
  return run(file)
}

const head = "(function (exports, require, module, __filename, __dirname) {"

const compile = (file: string, purpose: string) => {
  const kept = read(fileOf(file))
  const script = new Script(`${head}${readFileSync(file, "latin1")}\n})`, {
    filename: file,
    columnOffset: -head.length,
    cachedData: kept?.code,
    importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER
  })
  const known = kept === undefined || script.cachedDataRejected === true ? [] : kept.purposes
  const wants: Wanting | undefined = known.includes(purpose)
    ? undefined
    : { path: fileOf(file), script, purposes: [...known, purpose] }
  return { script, wants }
}

/** A script whose code is to be kept. */
interface Wanting {
  readonly path: string
  readonly script: Script
  readonly purposes: ReadonlyArray<string>
}

interface Kept {
  readonly code: Buffer
  /** Words. */
  readonly purposes: ReadonlyArray<string>
}

// The file: the code, which V8 wants at an address that is a multiple of 8; the purposes as text; the length of that in
// 4 bytes; a checksum of all before it in 4 bytes. V8 checks no sum: it crashes, or runs something else, where a bit of
// its code has changed. This sum takes 0.4 ms.
const tail = 8

const read = (path: string): Kept | undefined => {
  try {
    const bytes = readFileSync(path)
    const end = bytes.length - tail
    if (bytes.readUInt32LE(end + 4) !== crc32(bytes.subarray(0, end + 4))) return undefined
    const text = end - bytes.readUInt32LE(end)
    return { code: bytes.subarray(0, text), purposes: bytes.toString("utf8", text, end).split(" ") }
  } catch {
    // Not there, not ours to read, or too short.
    return undefined
  }
}

const keep = ({ path, purposes, script }: Wanting): void => {
  const beside = `${path}.${process.pid}`
  try {
    // Before the code is asked for, which takes 20 ms: in most places where this cannot be, that is known here.
    const fd = openSync(beside, "wx", 0o600)
    try {
      const text = Buffer.from(purposes.join(" "))
      const bytes = Buffer.concat([script.createCachedData(), text, Buffer.alloc(tail)])
      bytes.writeUInt32LE(text.length, bytes.length - tail)
      bytes.writeUInt32LE(crc32(bytes.subarray(0, -4)), bytes.length - 4)
      for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at)
    } finally {
      closeSync(fd)
    }
    // In one step: another process finds the old file, or this one.
    renameSync(beside, path)
  } catch (error) {
    // No room, no permission, or on Windows somebody who reads it just now. The next run tries again.
    // Another one writes under this name (as in two containers that share the folder): it is not ours.
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return
    try {
      rmSync(beside, { force: true })
    } catch {
      // It stays, and is never read.
    }
  }
}
