// Child processes of the scripts: what a signal does to them, and the tools they run. Needs only Node.
import { spawn } from "node:child_process"
import { readFileSync } from "node:fs"
import { constants } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

/** The folder of the workspace. */
export const root = fileURLToPath(new URL("..", import.meta.url))

/** @type {Set<import("node:child_process").ChildProcess>} */
const children = new Set()
/** @type {ReadonlyArray<NodeJS.Signals>} */
const signals = ["SIGINT", "SIGTERM", "SIGHUP"]
/** @type {NodeJS.Signals | undefined} */
let stopped

// A signal is passed on, and we end only after the children have ended: nothing is left behind.
/** @type {NodeJS.SignalsListener} */
const forward = (signal) => {
  stopped ??= signal
  for (const child of children) child.kill(signal)
}

/**
 * Runs a command to its end. `stdout` and `output` (that and stderr) hold what it printed, where `stdio` lets us see it.
 *
 * @param {string} command
 * @param {ReadonlyArray<string>} args
 * @param {import("node:child_process").SpawnOptions} [options]
 * @returns {Promise<{ readonly code: number, readonly stdout: string, readonly output: string }>}
 */
export const run = (command, args, options) =>
  new Promise((resolve, reject) => {
    if (stopped !== undefined) return // nothing more is started; we end with the last child
    if (children.size === 0) for (const signal of signals) process.on(signal, forward)
    let stdout = ""
    let output = ""
    const child = spawn(command, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"], ...options })
    children.add(child)
    child.stdout?.setEncoding("utf8").on("data", (chunk) => {
      stdout += chunk
      output += chunk
    })
    child.stderr?.setEncoding("utf8").on("data", (chunk) => (output += chunk))
    const ended = () => {
      children.delete(child)
      if (children.size === 0) for (const signal of signals) process.removeListener(signal, forward)
      if (stopped !== undefined && children.size === 0) process.exit(128 + constants.signals[stopped])
    }
    child.on("error", (error) => {
      ended()
      reject(error)
    })
    // A process that it left behind may hold the pipes for ever: what it still says is not waited for.
    child.on("exit", () => {
      setTimeout(() => {
        child.stdout?.destroy()
        child.stderr?.destroy()
      }, 2000).unref()
    })
    child.on("close", (code, signal) => {
      ended()
      resolve({ code: code ?? 128 + (signal === null ? 0 : constants.signals[signal]), stdout, output })
    })
  })

/** Output of a step that is not the job itself: stdout belongs to the job. */
const aside = /** @type {import("node:child_process").SpawnOptions} */ ({ stdio: ["ignore", 2, 2] })

/**
 * Runs steps of Node scripts one after another; ends this process with the code of the first that fails.
 *
 * @param {ReadonlyArray<ReadonlyArray<string>>} steps
 */
export const runAll = async (steps) => {
  for (const step of steps) {
    const { code } = await run(process.execPath, step, aside)
    if (code !== 0) process.exit(code)
  }
}

/** The version of pnpm that package.json pins. */
export const pnpmVersion = () => {
  const pinned = JSON.parse(readFileSync(join(root, "package.json"), "utf8")).packageManager
  const version = /^pnpm@(\d+\.\d+\.\d+)/.exec(pinned)?.[1]
  if (version === undefined) throw new Error(`package.json: "packageManager" must pin pnpm, it is ${pinned}`)
  return version
}

/**
 * Runs the pinned pnpm through npx, which keeps it in npm's cache: nothing is installed globally.
 * The flag is for npx, whose errors .npmrc would hide.
 *
 * @param {ReadonlyArray<string>} args
 * @param {import("node:child_process").SpawnOptions} [options]
 */
export const pnpm = (args, options = aside) =>
  run("npx", ["--yes", "--loglevel=error", `pnpm@${pnpmVersion()}`, ...args], {
    // CI=true: pnpm never asks (a changed node_modules is replaced).
    env: { ...process.env, CI: "true", npm_config_update_notifier: "false" },
    shell: process.platform === "win32",
    ...options
  })

// The tools by their entry files, run by `node`: no shell, no shim, the same on every system.
export const tools = {
  /** @param {ReadonlyArray<string>} args */
  tsc: (...args) => ["node_modules/typescript/bin/tsc", ...args],
  /** @param {ReadonlyArray<string>} args */
  effect: (...args) => ["node_modules/@effect/tsgo/dist/effect-tsgo.cjs", ...args],
  /** @param {ReadonlyArray<string>} args */
  vitest: (...args) => ["node_modules/vitest/vitest.mjs", ...args, "--config", "vitest.workspace.ts"],
  // All packages as one project.
  /** @param {ReadonlyArray<string>} args */
  vitestAsOne: (...args) => ["node_modules/vitest/vitest.mjs", ...args, "--config", "scripts/as-one.vitest.ts"],
  /** @param {ReadonlyArray<string>} args */
  oxlint: (...args) => ["node_modules/oxlint/bin/oxlint", "-c", "scripts/oxlint.json", ...args],
  // What the benchmarks write stays as they wrote it.
  /** @param {ReadonlyArray<string>} args */
  oxfmt: (...args) => ["node_modules/oxfmt/bin/oxfmt", "-c", "scripts/oxfmt.json", ...args, "!**/bench/results/**"]
}

/** What lint and format look at. */
export const linted = ["packages", "scripts", "vitest.workspace.ts"]
