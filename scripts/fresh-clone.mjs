// What a stranger sees: clones HEAD into an empty folder and runs `npm start` and `npm test` there, each twice, with
// CI=true and without a terminal. Reports the times, and fails if a job fails, if the last line of `npm test` does not
// say `N passed, 0 failed`, if a second start takes longer than five seconds to reach its job, or if a process is left.
//   node scripts/fresh-clone.mjs [--cold] [--no-tests] [--interrupts N] [--kills N] [--keep]
// --cold: with empty caches of npm and pnpm. --no-tests: without `npm test`. --interrupts: then stops N more starts, each
// at a random moment, as Ctrl-C would. --kills: then runs `mooring demo` N times, and ends it by SIGKILL at a random
// moment. --keep: leaves the folder for a look. Processes are found through /proc: on Linux only.
import { spawn, spawnSync } from "node:child_process"
import { randomUUID } from "node:crypto"
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { parseArgs } from "node:util"
import { root, run } from "./processes.mjs"

const { values: options } = parseArgs({
  options: {
    cold: { type: "boolean" },
    interrupts: { type: "string", default: "0" },
    keep: { type: "boolean" },
    kills: { type: "string", default: "0" },
    "no-tests": { type: "boolean" }
  }
})
const cold = options.cold === true
const folder = realpathSync(mkdtempSync(join(tmpdir(), "mooring-clone-")))
const clone = join(folder, "clone")

// What a job starts inherits this, so that what it leaves behind can be told from everything else. Servers get an
// environment of their own; they show by the folder that they run in, or that their program comes from.
const marker = `MOORING_FRESH_CLONE=${randomUUID()}`
const [name = "", value = ""] = marker.split("=")
const env = {
  ...process.env,
  CI: "true",
  [name]: value,
  ...(cold && {
    npm_config_cache: join(folder, "npm"),
    npm_config_store_dir: join(folder, "pnpm"),
    XDG_CACHE_HOME: join(folder, "cache"),
    XDG_DATA_HOME: join(folder, "data")
  })
}
// We were started by npm ourselves: what it says about that run is not for the next one.
for (const key of Object.keys(env)) {
  if (/^npm_(lifecycle|package|command|execpath|node_execpath|config_(local_prefix|loglevel))/.test(key)) {
    Reflect.deleteProperty(env, key)
  }
}

/** @type {Array<string>} */
const problems = []

/** @param {string} pid */
const command = (pid) => readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim()

/**
 * What /proc/PID/stat says behind the process's name (proc(5)). Nothing of a process that is gone, or has ended and waits
 * to be collected.
 *
 * @param {string} pid
 */
const stat = (pid) => {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "latin1")
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ")
    const [state = "", parent = ""] = fields
    // A number may be another's later; never one that began at the same moment.
    return state === "Z" || state === "X" ? undefined : { parent, began: fields[19] }
  } catch {
    return undefined
  }
}

/**
 * @param {number | undefined} pid
 * @returns {ReadonlyArray<{ readonly pid: string, readonly began: string | undefined, readonly command: string }>}
 */
const descendants = (pid) => {
  if (pid === undefined || !existsSync("/proc/self/stat")) return []
  const children = readdirSync("/proc").flatMap((child) => {
    const its = /^\d+$/.test(child) ? stat(child) : undefined
    return its?.parent === String(pid) ? [{ pid: child, began: its.began, command: command(child) }] : []
  })
  return children.flatMap((child) => [child, ...descendants(Number(child.pid))])
}

/** @returns {ReadonlyArray<string>} processes that a job of ours started, `pid command` */
const left = () => {
  if (!existsSync("/proc/self/environ")) return []
  return readdirSync("/proc")
    .filter((pid) => /^\d+$/.test(pid) && Number(pid) !== process.pid)
    .flatMap((pid) => {
      try {
        const ours =
          command(pid).includes(folder) ||
          readlinkSync(`/proc/${pid}/cwd`).startsWith(folder) ||
          readFileSync(`/proc/${pid}/environ`, "utf8").split("\0").includes(marker)
        return ours ? [`${pid} ${command(pid)}`] : []
      } catch {
        // It ended while we looked, or belongs to somebody else.
        return []
      }
    })
}

/**
 * What was told to end may need a moment; what is still there after five seconds is left behind.
 *
 * @param {string} title
 * @param {ReturnType<typeof descendants>} [family] processes that are known to have been its own
 */
const leftBehind = async (title, family = []) => {
  const look = () => [
    ...new Set([
      ...left(),
      ...family.filter(({ began, pid }) => stat(pid)?.began === began).map(({ command, pid }) => `${pid} ${command}`)
    ])
  ]
  let alive = look()
  for (let i = 0; i < 50 && alive.length > 0; i++) {
    await sleep(100)
    alive = look()
  }
  for (const found of alive) {
    problems.push(`${title} left a process behind: ${found}`)
    process.kill(Number.parseInt(found, 10), "SIGKILL")
  }
  return alive.length
}

/** @param {string} text */
const isJson = (text) => {
  try {
    return typeof JSON.parse(text) === "object"
  } catch {
    return false
  }
}

/** @param {ReadonlyArray<string>} args arguments of npm */
const job = async (...args) => {
  const started = performance.now()
  // `detached`: a session of its own, so that there is no terminal even if we have one.
  const how = { cwd: clone, env, detached: process.platform !== "win32", timeout: 600_000 }
  const { code, output, stdout } = await run("npm", args, how)
  const seconds = (performance.now() - started) / 1000
  const title = `npm ${args.join(" ")}`
  const alive = await leftBehind(title)
  console.log(`${title}: exit code ${code}, ${seconds.toFixed(1)} s, ${alive} processes left`)
  if (code !== 0) problems.push(`${title} ended with ${code}:\n${output.trimEnd().split("\n").slice(-60).join("\n")}`)
  return { output, seconds, stdout }
}

/**
 * A start that is stopped at a random moment, as Ctrl-C would: a signal to every process of the terminal's group.
 *
 * @param {number} after milliseconds
 */
const interrupted = async (after) => {
  const child = spawn("npm", ["start"], { cwd: clone, env, detached: true, stdio: "ignore" })
  const ended = new Promise((resolve) => child.on("exit", (code, signal) => resolve(signal ?? code)))
  await Promise.race([ended, sleep(after)])
  const title = `npm start, stopped after ${after} ms`
  if (child.exitCode === null && child.pid !== undefined) process.kill(-child.pid, "SIGINT")
  const how = await Promise.race([ended, sleep(15_000, "did not end in 15 s")])
  if (how === "did not end in 15 s") problems.push(`${title} ${how}`)
  console.log(`${title}: ${how}, ${await leftBehind(title)} processes left`)
}

/**
 * The demo, ended at a random moment in a way that it cannot notice. Nothing may be left of what it had started.
 *
 * @param {number} after milliseconds
 */
const killed = async (after) => {
  // What it had written stays behind, and goes with the clone.
  const temporary = join(folder, "temporary")
  mkdirSync(temporary, { recursive: true })
  const child = spawn(process.execPath, ["packages/cli/bin/mooring.js", "demo"], {
    cwd: clone,
    env: { ...env, TMPDIR: temporary },
    detached: true,
    stdio: "ignore"
  })
  const ended = new Promise((resolve) => child.on("exit", (code, signal) => resolve(signal ?? code)))
  await Promise.race([ended, sleep(after)])
  const family = descendants(child.pid)
  child.kill("SIGKILL")
  const title = `mooring demo, killed after ${after} ms`
  const how = await ended
  console.log(`${title}: ${how}, ${family.length} processes under it, ${await leftBehind(title, family)} left`)
}

try {
  const cloned = spawnSync("git", ["clone", "--quiet", "--no-hardlinks", root, clone], { encoding: "utf8" })
  if (cloned.status !== 0) throw new Error(cloned.stderr)
  console.log(`A clone of HEAD${cold ? ", with empty caches" : ""}`)
  let usual = 0
  for (let round = 1; round <= 2; round++) {
    // The second time for a program: one JSON document on stdout, nothing else.
    const start = await job("start", ...(round === 2 ? ["--", "--json"] : []))
    if (round === 2 && !isJson(start.stdout)) problems.push("npm start -- --json does not print one JSON document")
    usual = start.seconds * 1000
    if (round === 1 && start.seconds > 240) problems.push(`the first npm start took ${start.seconds.toFixed(0)} s`)
    if (round === 2) {
      // The build and nothing else: what passes before the job of a second start begins.
      const ready = await job("run", "mooring", "--", "--version")
      if (ready.seconds > 5) problems.push(`a second start took ${ready.seconds.toFixed(1)} s to reach its job`)
    }
    if (options["no-tests"] === true) continue
    const test = await job("test")
    const last = test.stdout.trimEnd().split("\n").at(-1) ?? ""
    console.log(`  ${last}`)
    if (!/^(\S+: )?[1-9]\d* passed, 0 failed(, \d+ skipped)?$/.test(last)) {
      problems.push(`npm test does not end in "N passed, 0 failed" but in: ${last}`)
    }
  }
  for (let i = 0; i < Number(options.interrupts); i++) await interrupted(Math.round(Math.random() * usual))
  for (let i = 0; i < Number(options.kills); i++) await killed(Math.round(Math.random() * usual))
} finally {
  if (options.keep === true) console.log(`The clone is in ${clone}`)
  else rmSync(folder, { force: true, recursive: true })
}

for (const problem of problems) console.error(`\n${problem}`)
console.log(problems.length === 0 ? "\nNothing is wrong." : `\n${problems.length} problems.`)
process.exitCode = problems.length === 0 ? 0 : 1
