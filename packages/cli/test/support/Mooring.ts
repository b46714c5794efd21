/**
 * Runs the real command as a process, in a folder of its own, and looks for processes that it left behind.
 */
import { Effect, Fiber } from "effect"
import { execFile, spawn } from "node:child_process"
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, realpathSync, rmSync, writeFileSync } from "node:fs"
import { createServer, type RequestListener } from "node:http"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const bin = here("../../bin/mooring.js")
if (!existsSync(here("../../dist/bundle/bin.cjs"))) throw new Error("The command is not built: npm run build")

export const fixture = (name: string): string => here(`../fixtures/${name}.mjs`)

/** How a run of the command ended. */
export interface Ran {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
  /** Its processes at the moment of `interruptWhen` that are still there. */
  readonly survivors: ReadonlyArray<string>
}

/** A folder to run the command in, without a configuration above it. */
export interface Place {
  readonly folder: string
  /** Writes a file into the folder; gives its path. */
  readonly write: (name: string, content: unknown) => string
  /** A stdio server of ours, with the folder as a mark by which `leftBehind` finds its process. */
  readonly server: (name: string, more?: object) => object
  readonly mooring: (args: ReadonlyArray<string>, options?: RunOptions) => Effect.Effect<Ran>
  /** Processes that carry the mark of this place. */
  readonly leftBehind: Effect.Effect<ReadonlyArray<string>>
}

export interface RunOptions {
  readonly input?: string
  /** The folder below this place to run in. */
  readonly below?: string
  readonly env?: Readonly<Record<string, string>>
  /** Closes its end of stdout before the command writes to it. */
  readonly deaf?: boolean
  /** Gives it a stdout that every write to it fails on, as on a full disk. */
  readonly unwritable?: boolean
  /** Sends SIGINT as soon as this is true of the command lines of the processes under it. */
  readonly interruptWhen?: (family: ReadonlyArray<string>) => boolean
}

export const place = Effect.acquireRelease(
  Effect.sync((): Place => {
    const folder = realpathSync(mkdtempSync(join(tmpdir(), "mooring-test-")))
    return {
      folder,
      write: (name, content) => {
        const path = join(folder, name)
        mkdirSync(dirname(path), { recursive: true })
        writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content))
        return path
      },
      server: (name, more) => ({ command: process.execPath, args: [fixture(name), folder], ...more }),
      mooring: (args, options) => run(folder, args, options ?? {}),
      leftBehind: processes.pipe(Effect.map((lines) => lines.filter((line) => line.includes(folder))))
    }
  }),
  ({ folder }) => Effect.sync(() => rmSync(folder, { force: true, recursive: true }))
)

/** Every process of this machine: its ID, its parent's and its command line. */
export const processes: Effect.Effect<ReadonlyArray<string>> = Effect.promise(async () => {
  const { stdout } = await promisify(execFile)("ps", ["-A", "-ww", "-o", "pid=,ppid=,args="])
  return stdout.split("\n").map((line) => line.trim())
})

const run = (
  cwd: string,
  args: ReadonlyArray<string>,
  { below, deaf, env, input, interruptWhen, unwritable }: RunOptions
): Effect.Effect<Ran> =>
  Effect.async<Ran>((resume) => {
    const folder = join(cwd, below ?? "")
    mkdirSync(folder, { recursive: true })
    const target = unwritable === true ? openSync(bin, "r") : "pipe"
    const child = spawn(process.execPath, [bin, ...args], {
      cwd: folder,
      env: { ...process.env, MOORING_STATE_DIR: join(cwd, "state"), ...env },
      stdio: ["pipe", target, "pipe"]
    })
    if (target !== "pipe") closeSync(target)
    let stdout = ""
    let stderr = ""
    child.stdout?.setEncoding("utf8").on("data", (text: string) => (stdout += text))
    child.stderr?.setEncoding("utf8").on("data", (text: string) => (stderr += text))
    let family: ReadonlyArray<string> = []
    child.on("close", (code) =>
      resume(
        Effect.map(processes, (lines) => ({
          code,
          stdout,
          stderr,
          survivors: lines.filter((line) => family.some((member) => identity(member) === identity(line)))
        }))
      )
    )
    child.stdin?.on("error", () => {}).end(input ?? "")
    if (deaf === true) child.stdout?.destroy()
    if (interruptWhen !== undefined) {
      const running = processes.pipe(
        Effect.map((lines) => descendants(String(child.pid), lines)),
        Effect.repeat({ until: interruptWhen })
      )
      const signal = Effect.runFork(
        Effect.map(running, (members) => {
          family = members
          child.kill("SIGINT")
        })
      )
      child.on("close", () => Effect.runFork(Fiber.interrupt(signal)))
    }
    return Effect.sync(() => child.kill("SIGKILL"))
  })

const identity = (line: string): string => line.replace(/^(\d+)\s+\d+/, "$1")

const descendants = (parent: string, lines: ReadonlyArray<string>): ReadonlyArray<string> =>
  lines.flatMap((line) => {
    const [pid, its] = line.split(/\s+/)
    return pid !== undefined && its === parent ? [line, ...descendants(pid, lines)] : []
  })

/** An HTTP server on 127.0.0.1 and a free port, until the scope closes; gives its address. */
export const httpServer = (answer: RequestListener) =>
  Effect.acquireRelease(
    Effect.async<{ readonly url: string; readonly close: () => void }>((resume) => {
      const server = createServer(answer)
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        if (address === null || typeof address === "string") throw new Error("the server has no port")
        const close = () => {
          server.closeAllConnections()
          server.close()
        }
        resume(Effect.succeed({ url: `http://127.0.0.1:${address.port}/mcp`, close }))
      })
    }),
    ({ close }) => Effect.sync(close)
  )
