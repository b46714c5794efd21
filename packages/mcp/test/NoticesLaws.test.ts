import { describe, expect, it } from "@effect/vitest"
import { McpClient, type McpMemory, McpPool, type ResourceUpdate } from "@mooring/mcp"
import { Effect, FastCheck as fc, Fiber, Stream, TestClock } from "effect"
import { client, nothing, stdio } from "./MemoryServer.js"
import { Telling } from "./Telling.js"

type Step =
  | { readonly _tag: "Open" | "Change"; readonly partition: string; readonly uri: string }
  | { readonly _tag: "Kill" | "Call"; readonly partition: string }
  | { readonly _tag: "Close" | "Advance" | "Slow"; readonly n: number }
  | { readonly _tag: "Answer" | "Hold" }

const partition = fc.constantFrom("ada", "bob")
const uri = fc.constantFrom("x://one", "x://two")

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ _tag: fc.constant("Open" as const), partition, uri }) },
  { weight: 4, arbitrary: fc.record({ _tag: fc.constant("Change" as const), partition, uri }) },
  { weight: 2, arbitrary: fc.record({ _tag: fc.constant("Kill" as const), partition }) },
  { weight: 1, arbitrary: fc.record({ _tag: fc.constant("Call" as const), partition }) },
  { weight: 4, arbitrary: fc.record({ _tag: fc.constant("Close" as const), n: fc.nat(9) }) },
  { weight: 2, arbitrary: fc.record({ _tag: fc.constant("Advance" as const), n: fc.nat(700) }) },
  { weight: 1, arbitrary: fc.record({ _tag: fc.constant("Slow" as const), n: fc.nat(9) }) },
  { weight: 2, arbitrary: fc.constant({ _tag: "Answer" as const }) },
  { weight: 2, arbitrary: fc.constant({ _tag: "Hold" as const }) }
)

/** What the resources hold, a server that answers subscriptions when it is told to, and what each reader has seen. */
class World {
  private readonly versions = new Map<string, number>()
  private readonly held: Array<() => void> = []
  holds = false
  readonly wrong: Array<string> = []
  readonly telling: Telling

  constructor() {
    const answered =
      (change: "add" | "delete") =>
      ({ uri }: Readonly<Record<string, unknown>>, end: McpMemory.ClientEnd, id: string | number) => {
        const set = this.telling.subscribed.get(end) ?? new Set()
        this.telling.subscribed.set(end, set)
        const was = set.has(String(uri))
        if (was === (change === "add")) this.wrong.push(`${change} of ${String(uri)}, which was ${was}`)
        set[change](String(uri))
        if (!this.holds) return {}
        this.held.push(() => end.send({ jsonrpc: "2.0", id, result: {} }))
        return nothing
      }
    this.telling = new Telling({
      on: { "resources/subscribe": answered("add"), "resources/unsubscribe": answered("delete") }
    })
  }

  version(partition: string, uri: string): number {
    return this.versions.get(`${partition} ${uri}`) ?? 0
  }

  change(partition: string, uri: string): void {
    this.versions.set(`${partition} ${uri}`, this.version(partition, uri) + 1)
    for (const end of this.telling.open) {
      if (end.key.partition !== partition || this.telling.subscribed.get(end)?.has(uri) !== true) continue
      // What is below it, and says whose it is.
      const params = { uri: `${uri}/${partition}` }
      end.send({ jsonrpc: "2.0", method: "notifications/resources/updated", params })
    }
  }

  answer(): void {
    for (const answer of this.held.splice(0)) answer()
  }

  release(): void {
    this.holds = false
    this.answer()
  }
}

/** A reader who reads the resource anew whenever it is told anything. */
class Reader {
  seen = -1
  private told = 0
  /** Why its stream has failed. */
  failure: string | undefined
  fiber: Fiber.RuntimeFiber<void> | undefined

  constructor(
    private readonly world: World,
    readonly partition: string,
    readonly uri: string
  ) {}

  /** A server that ends in the handshake, or over and over, fails who subscribes for the first time, as it fails a call. */
  fail(tag: string): void {
    this.failure = tag
    if ((tag !== "McpConnectError" && tag !== "ConnectionLost") || this.told > 0)
      this.world.wrong.push(`failed with ${tag} after ${this.told}`)
  }

  hear(update: ResourceUpdate.ResourceUpdate): void {
    if ((this.told++ === 0) !== (update._tag === "Subscribed")) this.world.wrong.push(`${update._tag} as ${this.told}`)
    if (update._tag === "Updated" && update.uri !== `${this.uri}/${this.partition}`) {
      this.world.wrong.push(`${this.partition} heard of ${update.uri}`)
    }
    this.seen = this.world.version(this.partition, this.uri)
  }
}

describe("subscriptions", () => {
  it.effect.prop(
    "leave nothing behind, tell no partition of another, and miss no change without saying so",
    [fc.array(step, { minLength: 5, maxLength: 40 })],
    ([steps]) => {
      const world = new World()
      const { telling } = world
      return Effect.gen(function* () {
        const mcp = yield* McpClient.McpClient
        const { notices } = yield* McpPool.McpPool
        const readers: Array<Reader> = []
        const close = (reader: Reader) => (reader.fiber === undefined ? Effect.void : Fiber.interruptFork(reader.fiber))
        for (const step of steps) {
          switch (step._tag) {
            case "Open": {
              const reader = new Reader(world, step.partition, step.uri)
              const updates = mcp.forPartition(step.partition).resourceUpdates("a", step.uri)
              reader.fiber = yield* Effect.fork(
                Stream.runForEach(updates, (update) => Effect.sync(() => reader.hear(update))).pipe(
                  Effect.catchAll(({ _tag }) => Effect.sync(() => reader.fail(_tag)))
                )
              )
              readers.push(reader)
              break
            }
            case "Close": {
              const [reader] = readers.splice(step.n, 1)
              if (reader !== undefined) yield* close(reader)
              break
            }
            case "Change":
              world.change(step.partition, step.uri)
              break
            case "Kill":
              for (const end of telling.open) if (end.key.partition === step.partition) end.close("it was killed")
              break
            case "Call":
              yield* Effect.fork(mcp.forPartition(step.partition).callTool("a", "do"))
              break
            case "Advance":
              yield* TestClock.adjust(step.n)
              break
            case "Slow":
              // Some steps of the fibers, not all that can be made without time.
              for (let n = 0; n < step.n; n++) yield* Effect.yieldNow()
              break
            case "Answer":
              world.answer()
              break
            case "Hold":
              world.holds = true
              break
          }
        }
        world.release()
        yield* TestClock.adjust("40 seconds")
        const open = readers.filter(({ failure }) => failure === undefined)
        for (const reader of open) {
          if (reader.seen !== world.version(reader.partition, reader.uri)) {
            world.wrong.push(`${reader.partition} knows ${reader.seen} of ${reader.uri}`)
          }
        }
        const wanted = new Set(open.map(({ partition, uri }) => `${partition} ${uri}`))
        expect(telling.wanted).toHaveLength(wanted.size)
        for (const reader of readers) yield* close(reader)
        yield* TestClock.adjust("1 second")
        expect(telling.wanted).toEqual([])
        yield* TestClock.adjust("10 seconds")
        expect([telling.open, (yield* mcp.stats).keys]).toEqual([[], []])
        expect(notices).toHaveProperty("size", 0)
        expect(world.wrong).toEqual([])
      }).pipe(
        Effect.provide(
          client(
            { a: telling.server },
            { a: { ...stdio, isolation: "perPartition", max: 2, maxIdle: 2, idleTimeToLive: "5 seconds" } }
          )
        )
      )
    },
    { fastCheck: { numRuns: 60 } }
  )
})
