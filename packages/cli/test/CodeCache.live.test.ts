import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { execFile } from "node:child_process"
import {
  chmodSync,
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync
} from "node:fs"
import { tmpdir } from "node:os"
import { basename, join } from "node:path"
import { fileURLToPath } from "node:url"
import * as CodeCache from "../src/CodeCache.js"

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const built = here("../dist/CodeCache.js")

interface Run {
  readonly purpose?: string
  readonly exit?: number
  readonly flags?: ReadonlyArray<string>
  readonly uid?: number
}

/** A folder with a script, and a program that loads it. */
const place = Effect.acquireRelease(
  Effect.sync(() => {
    const folder = mkdtempSync(join(tmpdir(), "mooring-code-"))
    // Another user may have to read it.
    chmodSync(folder, 0o755)
    const code = join(folder, "code")
    mkdirSync(code)
    copyFileSync(built, join(folder, "CodeCache.mjs"))
    const main = join(folder, "main.mjs")
    writeFileSync(
      main,
      `import { load } from "./CodeCache.mjs"
const [script, purpose, exit] = process.argv.slice(2)
console.log(load(script, purpose).say())
process.exitCode = Number(exit)`
    )
    const script = join(code, "run.cjs")
    const run = ({ exit = 0, flags = [], purpose = "talk", uid }: Run = {}) =>
      Effect.async<string>((resume) => {
        const args = [...flags, main, script, purpose, String(exit)]
        execFile(process.execPath, args, uid === undefined ? {} : { uid }, (error, stdout, stderr) =>
          resume(Effect.succeed(`${stdout}${stderr}${error === null || exit !== 0 ? "" : error.message}`))
        )
      })
    /** A script that says this. All words here are of one length, so that V8 cannot tell which it had compiled. */
    const write = (word: string) =>
      writeFileSync(script, `const { join } = require("node:path")\nexports.say = () => join("${word}", "x")`)
    return { code, script, run, write, kept: CodeCache.fileOf(script), files: () => readdirSync(code).sort() }
  }),
  ({ code }) =>
    Effect.sync(() => {
      chmodSync(code, 0o755)
      rmSync(join(code, ".."), { force: true, recursive: true })
    })
)

type Place = Effect.Effect.Success<typeof place>

const withPlace = (body: (place: Place) => Effect.Effect<void>) => Effect.scoped(Effect.flatMap(place, body))

/** Whether the next run takes the code that was kept, of the word `saved`, and not the script, which is changed. */
const usesKept = ({ run, write }: Place) =>
  Effect.gen(function* () {
    write("other")
    const said = yield* run()
    write("saved")
    expect(["saved/x\n", "other/x\n"]).toContain(said)
    return said === "saved/x\n"
  })

describe.concurrent("the code of a script", () => {
  it.live("is used by the next run, which writes nothing, and is for its owner alone", () =>
    withPlace((here) =>
      Effect.gen(function* () {
        here.write("saved")
        expect(yield* here.run()).toBe("saved/x\n")
        const { ino, mode } = statSync(here.kept)
        expect(mode & 0o777).toBe(0o600)
        expect(yield* usesKept(here)).toBe(true)
        expect(statSync(here.kept).ino).toBe(ino)
        expect(here.files()).toEqual(["run.cjs", here.kept.slice(here.code.length + 1)])
      })
    )
  )

  it.live("grows with the first run for another purpose, once", () =>
    withPlace((here) =>
      Effect.gen(function* () {
        here.write("saved")
        yield* here.run({ purpose: "one" })
        const one = readFileSync(here.kept)
        yield* here.run({ purpose: "two" })
        const two = readFileSync(here.kept)
        expect(two.equals(one)).toBe(false)
        for (const purpose of ["one", "two"]) yield* here.run({ purpose })
        expect(readFileSync(here.kept).equals(two)).toBe(true)
      })
    )
  )

  it.live("is of each script that another requires, and each runs once", () =>
    withPlace((here) =>
      Effect.gen(function* () {
        const part = join(here.code, "part.cjs")
        const write = (word: string) => {
          writeFileSync(here.script, `exports.word = "${word}"\nexports.say = () => require("./part.cjs").say()`)
          // It requires the one that required it, as parts of a bundle do.
          const say = `() => [require("./run.cjs").word, "${word}", module.exports === exports, ++times].join()`
          writeFileSync(part, `let times = 0\nexports.say = ${say}\nrequire("./run.cjs").say()`)
        }
        write("saved")
        expect(yield* here.run()).toBe("saved,saved,true,2\n")
        expect(here.files().length).toBe(4)
        write("other")
        expect(yield* here.run()).toBe("saved,saved,true,2\n")
      })
    )
  )

  it.live("is not kept by a run that failed", () =>
    withPlace((here) =>
      Effect.gen(function* () {
        here.write("saved")
        expect(yield* here.run({ exit: 1 })).toBe("saved/x\n")
        expect(here.files()).toEqual(["run.cjs"])
      })
    )
  )

  const damages: ReadonlyArray<readonly [string, (bytes: Buffer) => Uint8Array]> = [
    ["is empty", () => new Uint8Array()],
    ["is shorter than its own tail", (bytes) => bytes.subarray(0, 5)],
    ["is cut off in the middle", (bytes) => bytes.subarray(0, bytes.length / 2)],
    ["is cut off at its end", (bytes) => bytes.subarray(0, -1)],
    ["is garbage", () => Buffer.from("garbage ".repeat(1000))],
    ["is nothing but zeros", (bytes) => Buffer.alloc(bytes.length)],
    // V8 would crash by these, or run something else.
    ...[0.05, 0.2, 0.5, 0.8, 0.95].map(
      (part) =>
        [
          `has a wrong bit at ${part * 100} %`,
          (bytes: Buffer) => {
            const wrong = Buffer.from(bytes)
            const at = Math.floor(bytes.length * part)
            wrong[at] = (wrong[at] ?? 0) ^ 4
            return wrong
          }
        ] as const
    )
  ]
  for (const [how, damage] of damages) {
    it.live(`is not used when its file ${how}, and replaced`, () =>
      withPlace((here) =>
        Effect.gen(function* () {
          here.write("saved")
          yield* here.run()
          const good = readFileSync(here.kept)
          const bad = damage(good)
          expect(good.equals(bad)).toBe(false)
          writeFileSync(here.kept, bad)
          here.write("other")
          expect(yield* here.run()).toBe("other/x\n")
          here.write("third")
          // What the run before has kept.
          expect(yield* here.run()).toBe("other/x\n")
        })
      )
    )
  }

  it.live("is not used by a V8 that works otherwise", () =>
    withPlace((here) =>
      Effect.gen(function* () {
        here.write("saved")
        yield* here.run({ flags: ["--no-use-ic"] })
        expect(here.files().length).toBe(2)
        expect(yield* usesKept(here)).toBe(false)
      })
    )
  )

  it.live("is not needed in a folder that nothing can be written to", () =>
    withPlace((here) =>
      Effect.gen(function* () {
        here.write("saved")
        chmodSync(here.code, 0o555)
        // Root may write everywhere.
        const run: Run = process.getuid?.() === 0 ? { uid: 65534 } : {}
        for (let n = 0; n < 2; n++) expect(yield* here.run(run)).toBe("saved/x\n")
        expect(here.files()).toEqual(["run.cjs"])
      })
    )
  )

  it.live("is not needed where its file cannot be replaced, and nothing is left beside", () =>
    withPlace((here) =>
      Effect.gen(function* () {
        here.write("saved")
        mkdirSync(join(here.kept, "in the way"), { recursive: true })
        const before = here.files()
        expect(yield* here.run()).toBe("saved/x\n")
        expect(here.files()).toEqual(before)
      })
    )
  )

  it.live("is whole when many processes keep it at once", () =>
    withPlace((here) =>
      Effect.gen(function* () {
        here.write("saved")
        const purposes = ["talk", ...Array.from({ length: 7 }, (_, n) => `other-${n}`)]
        const said = yield* Effect.forEach(purposes, (purpose) => here.run({ purpose }), { concurrency: "unbounded" })
        expect(said).toEqual(purposes.map(() => "saved/x\n"))
        expect(here.files().length).toBe(2)
        expect(yield* usesKept(here)).toBe(true)
      })
    )
  )
})

describe("the command", () => {
  it.live("says the same with the code that it kept beside its bundle, without it, and when that is garbage", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const folder = yield* Effect.acquireRelease(
          Effect.sync(() => mkdtempSync(join(tmpdir(), "mooring-code-"))),
          (folder) => Effect.sync(() => rmSync(folder, { force: true, recursive: true }))
        )
        const isKept = (path: string) => path.includes(".v8")
        for (const part of ["bin", "dist/bundle", "package.json"]) {
          cpSync(here(`../${part}`), join(folder, part), { recursive: true, filter: (path) => !isKept(path) })
        }
        writeFileSync(
          join(folder, "c.json"),
          JSON.stringify({ mcpServers: { web: { url: "http://127.0.0.1:1/mcp" } } })
        )
        const run = (...args: ReadonlyArray<string>) =>
          Effect.async<ReadonlyArray<unknown>>((resume) => {
            const line = [join(folder, "bin/mooring.js"), ...args, "--config", join(folder, "c.json")]
            execFile(process.execPath, line, (error, stdout, stderr) =>
              resume(Effect.succeed([error?.code, stdout, stderr]))
            )
          })
        const kept = () =>
          readdirSync(join(folder, "dist/bundle"), { encoding: "utf8", recursive: true }).filter(isKept).sort()

        const listed = yield* run("servers")
        expect(listed).toEqual([undefined, expect.stringContaining("http://127.0.0.1:1/mcp"), expect.any(String)])
        const files = kept()
        const start = join(
          folder,
          "dist/bundle",
          files.find((file) => basename(file).startsWith("start.cjs.")) ?? "none"
        )
        expect(statSync(start).size).toBeGreaterThan(100_000)
        // It does not speak to a server.
        expect(files.map((file) => basename(file).split(".")[0])).not.toContain("client")
        const states = () => files.map((file) => statSync(join(folder, "dist/bundle", file)).ino)
        const before = states()
        expect(yield* run("servers")).toEqual(listed)
        expect(states()).toEqual(before)

        const failed = yield* run("tools", "nobody", "--debug")
        expect(failed).toEqual([2, "", expect.stringMatching(/at .*start\.cjs:\d+:\d+/)])
        for (const file of files) writeFileSync(join(folder, "dist/bundle", file), "garbage")
        // To the letter, with the places of its stack.
        expect(yield* run("tools", "nobody", "--debug")).toEqual(failed)
        expect(yield* run("servers")).toEqual(listed)
        expect(statSync(start).size).toBeGreaterThan(100_000)
      })
    )
  )
})
