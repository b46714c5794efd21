import { describe, expect, it } from "@effect/vitest"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { add } from "../generations.mjs"

/** A program that says its version, waits to be told, then loads the rest of itself. */
const build = (version: number) => async (path: string) => {
  writeFileSync(join(path, `rest-${version}.js`), `console.log("rest ${version}")\n`)
  const main = `console.log("begin ${version}")\nprocess.stdin.once("data", () => import("./rest-${version}.js"))\n`
  writeFileSync(join(path, "bin.js"), main)
}

const start = async (entry: string) => {
  const child = spawn(process.execPath, [entry], { stdio: ["pipe", "pipe", "inherit"] })
  const ended = once(child, "exit")
  let said = ""
  child.stdout.setEncoding("utf8").on("data", (text: string) => (said += text))
  await once(child.stdout, "data")
  return async () => {
    child.stdin.end("go on\n")
    const [code] = await ended
    return [code, said]
  }
}

describe("a folder of builds", () => {
  it("never takes from a running program what it loads later, and has the newest to start", async () => {
    const folder = mkdtempSync(join(tmpdir(), "mooring-builds-"))
    try {
      writeFileSync(join(folder, "package.json"), '{"type":"module"}')
      const out = join(folder, "out")
      const entry = join(out, "bin.js")
      await add(out, "bin.js", build(1))
      const first = await start(entry)
      let looks = 0
      await add(out, "bin.js", async (path) => {
        // While it is being built, the old one is there.
        if (existsSync(entry)) looks++
        await build(2)(path)
      })
      expect(looks).toBe(1)
      const second = await start(entry)
      expect(await first()).toEqual([0, "begin 1\nrest 1\n"])
      expect(await second()).toEqual([0, "begin 2\nrest 2\n"])
    } finally {
      rmSync(folder, { force: true, recursive: true })
    }
  })

  it("keeps what is there when a build fails, and few old builds", async () => {
    const folder = mkdtempSync(join(tmpdir(), "mooring-builds-"))
    try {
      writeFileSync(join(folder, "package.json"), '{"type":"module"}')
      const out = join(folder, "out")
      for (let version = 1; version <= 6; version++) await add(out, "bin.js", build(version))
      await expect(add(out, "bin.js", () => Promise.reject(new Error("no")))).rejects.toThrow("no")
      const go = await start(join(out, "bin.js"))
      expect(await go()).toEqual([0, "begin 6\nrest 6\n"])
      await add(out, "bin.js", build(7))
      expect(readdirSync(out)).toHaveLength(4)
    } finally {
      rmSync(folder, { force: true, recursive: true })
    }
  })
})
