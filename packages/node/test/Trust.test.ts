import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import { FileSystem } from "@effect/platform/FileSystem"
import type { Path } from "@effect/platform/Path"
import { describe, expect, it } from "@effect/vitest"
import { Trust } from "@mooring/node"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/TestClock"

const files = Layer.merge(NodeFileSystem.layer, NodePath.layerPosix)

const withVariables = (variables: Readonly<Record<string, string>>) =>
  Effect.withConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(variables))))

/** A store in a temporary folder, and a folder with a file in it. */
const setting = <A, E>(
  body: (where: {
    readonly fs: FileSystem
    readonly state: string
    readonly file: string
    readonly trust: Trust.Service
  }) => Effect.Effect<A, E, FileSystem | Path>
) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem
    const root = yield* fs.realPath(yield* fs.makeTempDirectoryScoped())
    const file = `${root}/mcp.json`
    yield* fs.writeFileString(file, "{}")
    const state = `${root}/state/of/mooring`
    const trust = yield* Trust.make.pipe(withVariables({ MOORING_STATE_DIR: state }))
    return yield* body({ fs, state, file, trust })
  }).pipe(Effect.provide(files))

const mode = (fs: FileSystem, path: string) => Effect.map(fs.stat(path), (info) => (info.mode & 0o777).toString(8))

describe("Trust", () => {
  it.scoped("a file is unknown until its content was accepted, and again when it has changed", () =>
    setting(({ file, trust }) =>
      Effect.gen(function* () {
        expect(yield* trust.status(file, "{}")).toBe("Unknown")
        expect(yield* trust.isTrusted(file, "{}")).toBe(false)
        yield* trust.trust(file, "{}")
        expect(yield* trust.isTrusted(file, "{}")).toBe(true)
        expect(yield* trust.status(file, "{} ")).toBe("Changed")
        expect(yield* trust.isTrusted(file, "{} ")).toBe(false)
        yield* trust.trust(file, "{} ")
        expect(yield* trust.isTrusted(file, "{}")).toBe(false)
        expect(yield* trust.list).toHaveLength(1)
      })
    )
  )

  it.scoped("the same content at another path is not trusted, by another name of the same path it is", () =>
    setting(({ file, fs, trust }) =>
      Effect.gen(function* () {
        yield* trust.trust(file, "{}")
        yield* fs.copyFile(file, `${file}.copy`)
        expect(yield* trust.isTrusted(`${file}.copy`, "{}")).toBe(false)
        yield* fs.symlink(file, `${file}.link`)
        expect(yield* trust.isTrusted(`${file}.link`, "{}")).toBe(true)
      })
    )
  )

  it.scoped("what was accepted outlives the service, and is listed with the hash and the time", () =>
    setting(({ file, state, trust }) =>
      Effect.gen(function* () {
        yield* TestClock.setTime(1_700_000_000_000)
        yield* trust.trust(file, "{}")
        const later = yield* Trust.make.pipe(withVariables({ MOORING_STATE_DIR: state }))
        expect(yield* later.isTrusted(file, "{}")).toBe(true)
        expect(yield* later.list).toEqual([
          {
            path: file,
            // As `sha256sum` has it for a file that names no env file.
            sha256: "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
            at: 1_700_000_000_000
          }
        ])
      })
    )
  )

  it.scoped("trust can be taken back, also of a file that is gone", () =>
    setting(({ file, fs, trust }) =>
      Effect.gen(function* () {
        expect(yield* trust.revoke(file)).toBe(false)
        yield* trust.trust(file, "{}")
        yield* fs.remove(file)
        expect(yield* trust.revoke(file)).toBe(true)
        expect(yield* trust.list).toEqual([])
      })
    )
  )

  it.scoped("side by side nothing is lost", () =>
    setting(({ file, trust }) =>
      Effect.gen(function* () {
        const names = Array.from({ length: 20 }, (_, index) => `${file}.${index}`)
        yield* Effect.forEach(names, (name) => trust.trust(name, name), { concurrency: "unbounded", discard: true })
        expect((yield* trust.list).map((each) => each.path).sort()).toEqual([...names].sort())
      })
    )
  )

  it.scoped("only the user can read the store, and nothing is left beside it", () =>
    setting(({ file, fs, state, trust }) =>
      Effect.gen(function* () {
        yield* trust.trust(file, "{}")
        yield* trust.trust(file, "{ }")
        expect(yield* mode(fs, `${state}/trusted.json`)).toBe("600")
        expect(yield* mode(fs, state)).toBe("700")
        expect(yield* fs.readDirectory(state)).toEqual(["trusted.json"])
      })
    )
  )

  const damaged: ReadonlyArray<readonly [string, (text: string) => string]> = [
    ["cut off", (text) => text.slice(0, -10)],
    ["empty", () => ""],
    ["of another version", (text) => text.replace('"version": 1', '"version": 2')],
    ["with a hash that is none", (text) => text.replace(/"[0-9a-f]{64}"/, '"abc"')]
  ]
  for (const [title, damage] of damaged) {
    it.scoped(`a store that is ${title} trusts nothing, is named, and is not overwritten`, () =>
      setting(({ file, fs, state, trust }) =>
        Effect.gen(function* () {
          yield* trust.trust(file, "{}")
          const store = `${state}/trusted.json`
          const text = damage(yield* fs.readFileString(store))
          yield* fs.writeFileString(store, text)
          for (const effect of [trust.isTrusted(file, "{}"), trust.trust(file, "{}"), trust.revoke(file), trust.list]) {
            const error = yield* Effect.flip(Effect.asVoid<unknown, Effect.Effect.Error<typeof effect>, never>(effect))
            expect(error.message).toContain(`${store}: is damaged, so nothing in it is trusted; delete it`)
          }
          expect(yield* fs.readFileString(store)).toBe(text)
        })
      )
    )
  }

  it.scoped("a store that others may write to trusts nothing", () =>
    setting(({ file, fs, state, trust }) =>
      Effect.gen(function* () {
        yield* trust.trust(file, "{}")
        yield* fs.chmod(`${state}/trusted.json`, 0o620)
        const error = yield* Effect.flip(trust.isTrusted(file, "{}"))
        expect(error.message).toContain("others may write to it")
      })
    )
  )

  it.scoped("the store is where the environment says, in this order", () =>
    setting(({ file, fs }) =>
      Effect.gen(function* () {
        const root = yield* fs.makeTempDirectory()
        const cases = [
          [{ MOORING_STATE_DIR: `${root}/a`, XDG_STATE_HOME: `${root}/b`, HOME: `${root}/c` }, "a/trusted.json"],
          [{ MOORING_STATE_DIR: "", XDG_STATE_HOME: `${root}/b`, HOME: `${root}/c` }, "b/mooring/trusted.json"],
          [{ XDG_STATE_HOME: "relative", HOME: `${root}/c` }, "c/.local/state/mooring/trusted.json"],
          [{ USERPROFILE: `${root}/d`, LOCALAPPDATA: `${root}/e` }, "d/.local/state/mooring/trusted.json"]
        ] as const
        for (const [variables, place] of cases) {
          const trust = yield* Trust.make.pipe(withVariables(variables))
          yield* trust.trust(file, "{}")
          expect([place, yield* fs.exists(`${root}/${place}`)]).toEqual([place, true])
        }
        yield* fs.remove(root, { recursive: true })
      })
    )
  )

  it.effect("on Windows the store is under LOCALAPPDATA", () =>
    Effect.gen(function* () {
      const made: Array<string> = []
      const fs = yield* FileSystem
      const watched = {
        ...fs,
        stat: (path: string) => {
          made.push(path)
          return fs.stat("/nonexistent")
        }
      }
      const trust = yield* Trust.make.pipe(
        Effect.provideService(FileSystem, watched),
        withVariables({ LOCALAPPDATA: "C:\\Users\\ada\\AppData\\Local", USERPROFILE: "C:\\Users\\ada" })
      )
      expect(yield* trust.list).toEqual([])
      expect(made).toEqual(["C:\\Users\\ada\\AppData\\Local\\mooring\\trusted.json"])
    }).pipe(Effect.provide(Layer.merge(NodeFileSystem.layer, NodePath.layerWin32)))
  )

  it.effect("without a place for the store, or with one that is not absolute, the service is refused", () =>
    Effect.gen(function* () {
      const nowhere = yield* Effect.flip(Trust.make.pipe(withVariables({})))
      expect(nowhere.message).toContain("MOORING_STATE_DIR: is not set, and neither is HOME")
      const relative = yield* Effect.flip(Trust.make.pipe(withVariables({ MOORING_STATE_DIR: "state", HOME: "/h" })))
      expect(relative.message).toContain("MOORING_STATE_DIR: expected an absolute path")
    }).pipe(Effect.provide(files))
  )
})
