// A folder of a program that may be running while a new build of it is put in place. Each build has a folder of its
// own beside the others, and the entry, which only names it, is replaced in one step: who starts finds the old build
// or the new one, and who has started still finds what it loads later.
import { mkdirSync, readdirSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs"
import { join } from "node:path"

// Builds that are kept, the newest included. An older one is surely not started from any more.
const kept = 3
// Tells builds of this process apart that begin in one millisecond.
let builds = 0

/**
 * Puts a new build in place. Its time is that of the beginning: what changed since then is younger.
 *
 * @param {string} folder
 * @param {string} entry The file that starts the program: `folder` has it after this, and every build must.
 * @param {(path: string) => Promise<unknown>} build Writes the program into the folder that it is given.
 */
export const add = async (folder, entry, build) => {
  const started = new Date()
  const name = `${started.getTime().toString(36)}-${process.pid}-${builds++}`
  mkdirSync(join(folder, name), { recursive: true })
  try {
    await build(join(folder, name))
  } catch (error) {
    rmSync(join(folder, name), { force: true, recursive: true })
    throw error
  }
  const beside = join(folder, name, `.${entry}`)
  const path = JSON.stringify(`./${name}/${entry}`)
  writeFileSync(beside, entry.endsWith(".cjs") ? `require(${path})\n` : `import ${path}\n`)
  utimesSync(beside, started, started)
  renameSync(beside, join(folder, entry))
  const stay = [entry, name, ...newest(folder)]
  for (const each of readdirSync(folder)) {
    // One that runs from it may keep something in it just now (packages/cli/src/CodeCache.ts).
    if (!stay.includes(each)) rmSync(join(folder, each), { force: true, maxRetries: 3, recursive: true })
  }
}

/**
 * By their names, which begin with their times: those of the file system may be the same for what comes fast.
 *
 * @param {string} folder
 */
const newest = (folder) => {
  const names = readdirSync(folder).filter(
    // Another build that ends just now may have taken it away.
    (name) => statSync(join(folder, name), { throwIfNoEntry: false })?.isDirectory() === true
  )
  return names.sort().reverse().slice(0, kept)
}
