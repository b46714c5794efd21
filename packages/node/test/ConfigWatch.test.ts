/** When a file is read, and what is said of it, on a clock and a file system of the test's own. */
import * as PlatformError from "@effect/platform/Error"
import * as FileSystem from "@effect/platform/FileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import { describe, expect, it } from "@effect/vitest"
import { McpError } from "@mooring/mcp"
import { ConfigWatch } from "@mooring/node"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as PubSub from "effect/PubSub"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"

const path = "/home/ada/mooring.json"
const server = (command: string) => JSON.stringify({ mcpServers: { a: { command } } })

const failure = (method: string) =>
  new PlatformError.SystemError({ module: "FileSystem", method, reason: "NotFound", pathOrDescriptor: path })

/** A file system with one file in it, in one folder that can be watched. */
class Disk {
  text: string | undefined = server("one")
  reads = 0
  watching = 0
  /** The folder cannot be watched. */
  deaf = false
  private readonly hub = Effect.runSync(PubSub.unbounded<FileSystem.WatchEvent>())

  /** Writes the file, and tells of it unless nobody is to hear. */
  readonly write = (text: string | undefined, tells = true) =>
    Effect.suspend(() => {
      this.text = text
      return tells ? PubSub.publish(this.hub, FileSystem.WatchEventUpdate({ path })) : Effect.void
    })

  private readonly info = (type: FileSystem.File.Type): FileSystem.File.Info => ({
    type,
    mtime: Option.none(),
    atime: Option.none(),
    birthtime: Option.none(),
    dev: 1,
    ino: Option.some(1),
    mode: 0o600,
    nlink: Option.none(),
    uid: Option.none(),
    gid: Option.none(),
    rdev: Option.none(),
    size: FileSystem.Size(this.text?.length ?? 0),
    blksize: Option.none(),
    blocks: Option.none()
  })

  readonly layer = FileSystem.layerNoop({
    stat: (asked) =>
      asked !== path
        ? Effect.succeed(this.info("Directory"))
        : Effect.suspend(() =>
            this.text === undefined ? Effect.fail(failure("stat")) : Effect.succeed(this.info("File"))
          ),
    exists: () => Effect.succeed(true),
    readLink: () => Effect.fail(failure("readLink")),
    readFile: () =>
      Effect.suspend(() => {
        this.reads++
        return this.text === undefined ? Effect.fail(failure("readFile")) : Effect.succeed(Buffer.from(this.text))
      }),
    watch: () =>
      this.deaf
        ? Stream.fail(failure("watch"))
        : Stream.unwrapScoped(
            Effect.zipRight(
              Effect.acquireRelease(
                Effect.sync(() => this.watching++),
                () => Effect.sync(() => this.watching--)
              ),
              Effect.succeed(Stream.fromPubSub(this.hub))
            )
          )
  })
}

/** What is said of the file from now on, shortened: the command of the server, or why there is none. */
const following = (disk: Disk) =>
  Effect.gen(function* () {
    const said: Array<string> = []
    const short = (one: ConfigWatch.Said) => {
      if (one instanceof McpError.ConfigError) return `wrong: ${one.message}`
      const { a } = one
      return a !== undefined && "command" in a ? a.command : "nothing"
    }
    yield* ConfigWatch.changes(path).pipe(
      Stream.runForEach((one) => Effect.sync(() => said.push(short(one)))),
      Effect.provide(Layer.merge(disk.layer, NodePath.layerPosix)),
      Effect.forkScoped
    )
    yield* TestClock.adjust(200)
    return said
  })

describe("a file that is watched", () => {
  it.scoped("is read when nothing has happened for a while, and said only when it is another", () =>
    Effect.gen(function* () {
      const disk = new Disk()
      const said = yield* following(disk)
      expect(said).toEqual(["one"])
      for (const command of ["two", "three", "four"]) {
        yield* disk.write(server(command))
        yield* TestClock.adjust(99)
      }
      expect(said).toEqual(["one"])
      yield* TestClock.adjust(1)
      expect(said).toEqual(["one", "four"])
      const { reads } = disk
      yield* disk.write(server("four"))
      yield* TestClock.adjust(100)
      expect(disk.reads).toBeGreaterThan(reads)
      expect(said).toEqual(["one", "four"])
    })
  )

  it.scoped("is read all the same where something happens all the time", () =>
    Effect.gen(function* () {
      const disk = new Disk()
      const said = yield* following(disk)
      for (let n = 0; n < 60; n++) {
        yield* disk.write(server("busy"))
        yield* TestClock.adjust(50)
      }
      expect(said).toEqual(["one", "busy"])
    })
  )

  it.scoped("is told to be wrong once, where, and only when it stays so", () =>
    Effect.gen(function* () {
      const disk = new Disk()
      const said = yield* following(disk)
      yield* disk.write("{")
      yield* TestClock.adjust(300)
      yield* disk.write(server("two"))
      yield* TestClock.adjust(1000)
      expect(said).toEqual(["one", "two"])
      yield* disk.write('{ "mcpServers": {\n "a": { "command": 5 } } }')
      yield* TestClock.adjust(599)
      expect(said.length).toBe(2)
      yield* TestClock.adjust(1)
      expect(said[2]).toContain(`wrong: ${path}: mcpServers.a.command: expected a string`)
      expect(said[2]).toContain("line 2")
      yield* TestClock.adjust("1 minute")
      expect(said.length).toBe(3)
      yield* disk.write(undefined)
      yield* TestClock.adjust(600)
      expect(said[3]).toContain("there is no such file")
      yield* disk.write(server("two"))
      yield* TestClock.adjust(100)
      expect(said[4]).toBe("two")
    })
  )

  it.scoped("is looked at from time to time where no change is told", () =>
    Effect.gen(function* () {
      const disk = new Disk()
      disk.deaf = true
      const said = yield* following(disk)
      yield* disk.write(server("two"), false)
      yield* TestClock.adjust("9 seconds")
      const { reads } = disk
      expect(said).toEqual(["one"])
      yield* TestClock.adjust("1 second")
      expect(said).toEqual(["one", "two"])
      // It is not read over and over because it cannot be watched.
      expect(disk.reads).toBe(reads + 1)
      disk.deaf = false
      yield* TestClock.adjust("10 seconds")
      yield* disk.write(server("three"))
      yield* TestClock.adjust(100)
      expect(said).toEqual(["one", "two", "three"])
    })
  )

  it.effect("is watched no longer than its stream is read", () =>
    Effect.gen(function* () {
      const disk = new Disk()
      yield* Effect.scoped(
        Effect.zipRight(
          following(disk),
          Effect.sync(() => expect(disk.watching).toBe(1))
        )
      )
      expect(disk.watching).toBe(0)
    })
  )
})
