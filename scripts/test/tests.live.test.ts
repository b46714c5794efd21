import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { root } from "../processes.mjs"

let folder = ""
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "mooring-tests-"))
})
afterEach(() => rmSync(folder, { force: true, recursive: true }))

/** A run of the tests of one file, with a temporary folder of its own. */
const start = () => {
  const code = `import { runTests } from "./scripts/tests.mjs"
    console.log(JSON.stringify(await runTests(["--project", "cli", "packages/cli/test/Nearest.test.ts"])))`
  return spawn(process.execPath, ["--input-type=module", "-e", code], {
    cwd: root,
    env: { ...process.env, TMPDIR: folder },
    stdio: ["ignore", "pipe", "ignore"]
  })
}

const left = () => readdirSync(folder).filter((name) => name.startsWith("mooring-tally-"))

describe("the count of the tests", () => {
  it("is given, and its folder is gone", { timeout: 60_000 }, async () => {
    const child = start()
    let output = ""
    child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text))
    expect(await once(child, "close")).toEqual([0, null])
    const counted: unknown = JSON.parse(output.trim().split("\n").at(-1) ?? "")
    expect(counted).toEqual({ passed: expect.any(Number), failed: 0, skipped: 0 })
    expect(counted).not.toMatchObject({ passed: 0 })
    expect(left()).toEqual([])
  })

  it("leaves no folder when a signal ends it", { timeout: 60_000 }, async () => {
    const child = start()
    // Vitest speaks: the signal finds everything in place.
    await once(child.stdout, "data")
    expect(left()).toHaveLength(1)
    child.kill("SIGINT")
    child.stdout.resume()
    expect(await once(child, "close")).toEqual([130, null])
    expect(left()).toEqual([])
  })
})
