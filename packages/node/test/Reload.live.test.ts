import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { FileSystem } from "@effect/platform/FileSystem"
import { describe, expect, it } from "@effect/vitest"
import { McpClient, McpPool, type Reload } from "@mooring/mcp"
import { NodeMcp } from "@mooring/node"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Queue from "effect/Queue"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import process from "node:process"
import { fileURLToPath } from "node:url"

const script = fileURLToPath(new URL("fixtures/tells.mjs", import.meta.url))

/** The text of a file with these servers; what each says stands in its arguments. */
const file = (servers: Readonly<Record<string, string>>, more: object = {}): string =>
  JSON.stringify({
    mcpServers: Object.fromEntries(
      Object.entries(servers).map(([name, says]) => [
        name,
        { command: process.execPath, args: [script, says], ...more }
      ])
    )
  })

const isRunning = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    // ESRCH: there is no such process.
    return false
  }
}

/** What a call says. */
const ask = (mcp: McpClient.Service, server: string, args = {}) =>
  Effect.map(mcp.callTool(server, "tell", args), ({ content }) => (content[0]?.type === "text" ? content[0].text : ""))

/** Waits until it is so, a few milliseconds at a time: a process ends when it ends. */
const until = (what: () => boolean): Effect.Effect<void> =>
  Effect.suspend(() => (what() ? Effect.void : Effect.zipRight(Effect.sleep("5 millis"), until(what)))).pipe(
    Effect.timeout("20 seconds"),
    Effect.orDie
  )

/** A folder of one's own with a file in it, by which a program runs; and what becomes of it when the program ends. */
const watching = <A, E>(
  first: string,
  use: (world: {
    readonly fs: FileSystem
    readonly folder: string
    readonly path: string
    readonly mcp: McpClient.Service
    /** What became of the next change. */
    readonly next: Effect.Effect<Reload.Reload>
    readonly logged: ReadonlyArray<string>
    readonly pids: Set<number>
  }) => Effect.Effect<A, E>,
  options: {
    readonly path?: string
    readonly prepare?: (fs: FileSystem, folder: string) => Effect.Effect<void, unknown>
  } = {}
) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem
    const folder = yield* fs.realPath(yield* fs.makeTempDirectoryScoped())
    const path = `${folder}/${options.path ?? "mooring.json"}`
    yield* options.prepare?.(fs, folder) ?? fs.writeFileString(path, first)
    const logged: Array<string> = []
    const pids = new Set<number>()
    const scope = yield* Scope.make()
    const logger = Logger.replace(
      Logger.defaultLogger,
      Logger.make(({ message }) => void logged.push(String(message)))
    )
    yield* Effect.gen(function* () {
      const layer = NodeMcp.layerConfigFile(path, { watch: { quiet: "20 millis", every: "1 second" } })
      const context = yield* Layer.buildWithScope(Layer.provide(layer, logger), scope)
      const pool = Context.get(context, McpPool.McpPool)
      const mcp = Context.get(context, McpClient.McpClient)
      pool.onConnection(({ pid }) => pids.add(pid ?? 0))
      const queue = yield* Queue.unbounded<Reload.Reload>()
      const listening = yield* Effect.fork(Stream.runForEach(pool.reloads, (reload) => Queue.offer(queue, reload)))
      // Subscribed when it first waits.
      yield* Effect.sleep("20 millis")
      expect(watches()).toBeGreaterThan(0)
      yield* use({ fs, folder, path, mcp, next: Queue.take(queue), logged, pids })
      yield* Fiber.interrupt(listening)
    }).pipe(Effect.onExit((exit) => Scope.close(scope, exit)))
    expect([...pids].filter(isRunning)).toEqual([])
    yield* until(() => watches() === 0)
  }).pipe(Effect.scoped, Effect.provide(NodeFileSystem.layer), Effect.timeout("60 seconds"))

/** The watches that this process has. */
const watches = (): number => process.getActiveResourcesInfo().filter((name) => name === "FSEventWrap").length

const applied = (changes: Partial<Reload.Changes>) =>
  expect.objectContaining({ _tag: "Applied", changes: expect.objectContaining(changes) })

describe("a configuration file that is watched", () => {
  it.live("changes the servers of a running program, and leaves nothing of those that are gone", () =>
    watching(file({ a: "one", b: "one" }), ({ fs, mcp, next, path, pids }) =>
      Effect.gen(function* () {
        expect(yield* ask(mcp, "a")).toBe("one")
        expect(yield* ask(mcp, "b")).toBe("one")
        const first = [...pids]
        const running = yield* Effect.fork(ask(mcp, "a", { wait: 400 }))
        yield* Effect.sleep("50 millis")
        yield* fs.writeFileString(path, file({ a: "two", b: "one" }))
        expect(yield* next).toEqual(applied({ replaced: ["a"], kept: ["b"] }))
        expect(yield* ask(mcp, "a")).toBe("two")
        expect(yield* Fiber.join(running)).toBe("one")
        yield* until(() => !isRunning(first[0] ?? 0))
        yield* fs.writeFileString(path, file({ a: "two" }))
        expect(yield* next).toEqual(applied({ removed: ["b"], kept: ["a"] }))
        expect((yield* Effect.flip(ask(mcp, "b")))._tag).toBe("UnknownServer")
        yield* until(() => first.every((pid) => !isRunning(pid)))
        expect([...pids].filter(isRunning).length).toBe(1)
      })
    )
  )

  it.live("keeps the last good one while it is wrong, and says where and what", () =>
    watching(file({ a: "one" }), ({ fs, logged, mcp, next, path }) =>
      Effect.gen(function* () {
        yield* fs.writeFileString(path, '{ "mcpServers": {\n  "a": { "command": 5 } } }')
        const wrong = yield* next
        expect(wrong._tag === "Refused" ? wrong.error.file : undefined).toBe(path)
        expect(wrong._tag === "Refused" ? wrong.error.message : "").toContain("mcpServers.a.command")
        expect(yield* ask(mcp, "a")).toBe("one")
        yield* fs.writeFileString(path, "{")
        expect((yield* next)._tag).toBe("Refused")
        yield* fs.remove(path)
        const missing = yield* next
        expect(missing._tag === "Refused" ? missing.error.reason : "").toContain("there is no such file")
        expect(yield* ask(mcp, "a")).toBe("one")
        yield* fs.writeFileString(path, file({ a: "two" }))
        expect(yield* next).toEqual(applied({ replaced: ["a"] }))
        expect(yield* ask(mcp, "a")).toBe("two")
        const line = logged.find((text) => text.includes("mcpServers.a.command"))
        expect(line).toContain(path)
        expect(line).toContain("line 2")
        expect(line).toContain("expected a string")
        expect(logged.filter((text) => text.includes("the last good one stays")).length).toBe(3)
      })
    )
  )

  it.live("is followed through what editors do: another file renamed over it, and writing in pieces", () =>
    watching(file({ a: "one" }), ({ folder, fs, mcp, next, path }) =>
      Effect.gen(function* () {
        for (const says of ["two", "three"]) {
          yield* fs.writeFileString(`${folder}/.mooring.json.swp`, file({ a: says }))
          yield* fs.rename(`${folder}/.mooring.json.swp`, path)
          expect(yield* next).toEqual(applied({ replaced: ["a"] }))
          expect(yield* ask(mcp, "a")).toBe(says)
        }
        const text = file({ a: "four" })
        yield* fs.writeFileString(path, "")
        for (let end = 10; end < text.length + 40; end += 40) yield* fs.writeFileString(path, text.slice(0, end))
        // On a machine that is slow, a piece may be read while the next is on its way.
        const last = yield* Effect.repeat(next, { until: ({ _tag }) => _tag === "Applied" })
        expect(last).toEqual(applied({ replaced: ["a"] }))
        expect(yield* ask(mcp, "a")).toBe("four")
      })
    )
  )

  it.live("is followed through links, as Kubernetes turns them, and through folders that are made anew", () => {
    const version = (fs: FileSystem, folder: string, name: string) =>
      Effect.gen(function* () {
        yield* fs.makeDirectory(`${folder}/${name}`)
        yield* fs.writeFileString(`${folder}/${name}/mooring.json`, file({ a: name }))
      })
    const prepare = (fs: FileSystem, folder: string) =>
      Effect.gen(function* () {
        yield* version(fs, folder, "one")
        yield* fs.symlink("one", `${folder}/..data`)
        yield* fs.symlink("..data/mooring.json", `${folder}/mooring.json`)
      })
    return watching(
      "",
      ({ folder, fs, mcp, next }) =>
        Effect.gen(function* () {
          expect(yield* ask(mcp, "a")).toBe("one")
          yield* version(fs, folder, "two")
          yield* fs.symlink("two", `${folder}/..tmp`)
          yield* fs.rename(`${folder}/..tmp`, `${folder}/..data`)
          expect(yield* next).toEqual(applied({ replaced: ["a"] }))
          expect(yield* ask(mcp, "a")).toBe("two")
          // In the folder that the link leads to now.
          yield* fs.writeFileString(`${folder}/two/mooring.json`, file({ a: "three" }))
          expect(yield* next).toEqual(applied({ replaced: ["a"] }))
          yield* fs.remove(`${folder}/two`, { recursive: true })
          expect((yield* next)._tag).toBe("Refused")
          yield* version(fs, folder, "two")
          expect(yield* next).toEqual(applied({ replaced: ["a"] }))
          expect(yield* ask(mcp, "a")).toBe("two")
        }),
      { prepare }
    )
  })

  it.live("is read again when an env file that it names has changed", () =>
    watching(
      "",
      ({ folder, fs, mcp, next }) =>
        Effect.gen(function* () {
          expect(yield* ask(mcp, "a")).toBe("one first")
          yield* fs.writeFileString(`${folder}/secrets/.env`, "TOLD=second\n")
          expect(yield* next).toEqual(applied({ replaced: ["a"] }))
          expect(yield* ask(mcp, "a")).toBe("one second")
        }),
      {
        prepare: (fs, folder) =>
          Effect.gen(function* () {
            yield* fs.makeDirectory(`${folder}/secrets`)
            yield* fs.writeFileString(`${folder}/secrets/.env`, "TOLD=first\n")
            yield* fs.writeFileString(`${folder}/mooring.json`, file({ a: "one" }, { envFile: "secrets/.env" }))
          })
      }
    )
  )

  it.live("that is wrong at the start makes no layer", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem
      const folder = yield* fs.makeTempDirectoryScoped()
      const layer = NodeMcp.layerConfigFile(`${folder}/none.json`, { watch: true })
      const exit = yield* Effect.exit(Effect.scoped(Layer.build(layer)))
      expect(Exit.isFailure(exit)).toBe(true)
    }).pipe(Effect.scoped, Effect.provide(NodeFileSystem.layer))
  )
})
