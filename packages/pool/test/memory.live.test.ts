/** What only a real process shows: that it can end, and that its memory stays flat. Runs what the type-check built. */
import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "@effect/vitest"

/** Runs a script of `fixtures` until it ends by itself. One that does not is ended, and has no exit code. */
const run = (script: string, ...args: ReadonlyArray<string>) =>
  new Promise<{ readonly code: number | null; readonly lines: ReadonlyArray<string>; readonly errors: string }>(
    (resolve) => {
      const file = fileURLToPath(new URL(`fixtures/${script}`, import.meta.url))
      const child = spawn(process.execPath, ["--expose-gc", file, ...args], {
        stdio: ["ignore", "pipe", "pipe"],
        timeout: 60_000
      })
      let output = ""
      let errors = ""
      child.stdout.on("data", (chunk) => (output += String(chunk)))
      child.stderr.on("data", (chunk) => (errors += String(chunk)))
      child.on("close", (code) => resolve({ code, lines: output.trim().split("\n"), errors }))
    }
  )

describe("a pool in a process of its own", () => {
  it("L28: once its pool is closed, a process ends by itself, whatever hangs in it", { timeout: 90_000 }, async () => {
    const { code, lines, errors } = await run("exit.mjs")
    expect(errors).toBe("")
    expect(lines).toEqual(["closed PoolClosed PoolClosed"])
    expect(code).toBe(0)
  })

  it("L29: over ten thousand keys that come and go the heap stays flat", { timeout: 90_000 }, async () => {
    const rounds = 30
    const { code, lines, errors } = await run("cycle.mjs", String(rounds))
    expect(errors).toBe("")
    expect(code).toBe(0)
    const heap = lines.map(Number)
    expect(heap).toHaveLength(rounds)
    // The first thousands warm up the code itself, and one reading may be off by half a megabyte. An entry that is left
    // behind is a kilobyte and more: from the middle of the first ones to that of the last ones, 100 bytes a key at most.
    const [before, after] = [median(heap.slice(5, 12)), median(heap.slice(-7))]
    expect(after - before).toBeLessThan(18_000 * 100)
  })
})

const median = (numbers: ReadonlyArray<number>): number =>
  [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN
