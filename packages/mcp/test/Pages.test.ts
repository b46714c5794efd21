import { describe, expect, it } from "@effect/vitest"
import { Limits, McpConnection, McpPrompt, McpResource, ServerKey } from "@mooring/mcp"
import { Effect, FastCheck, Fiber, Layer, TestClock } from "effect"
import { connector, MemoryServer, nothing, stdio } from "./MemoryServer.js"

const named = (names: ReadonlyArray<string>) => names.map((name) => ({ uri: `file:///${name}`, name }))

/** Serves these pages, each under the cursor that the one before it gave. */
const paged = (pages: ReadonlyArray<ReadonlyArray<string>>, cursors: ReadonlyArray<string>) =>
  new MemoryServer({
    capabilities: { resources: {} },
    on: {
      "resources/list": ({ cursor }) => {
        const at = cursor === undefined ? 0 : cursors.indexOf(String(cursor)) + 1
        const nextCursor = at < pages.length - 1 ? cursors[at] : undefined
        return { resources: named(pages[at] ?? []), ...(nextCursor === undefined ? {} : { nextCursor }) }
      }
    }
  })

const list = (server: MemoryServer, limits: Partial<Limits.Values> = {}, options?: McpConnection.CallLimits) =>
  McpConnection.make(ServerKey.shared("a"), stdio).pipe(
    Effect.flatMap((connection) => connection.list(McpResource.list, options)),
    Effect.scoped,
    Effect.provide(Layer.merge(connector({ a: server }), Limits.layer(limits)))
  )

const names = FastCheck.oneof(FastCheck.string(), FastCheck.constantFrom("", "__proto__", "constructor", "0"))
const script = FastCheck.array(FastCheck.array(names, { maxLength: 4 }), { minLength: 1, maxLength: 8 }).chain(
  (pages) =>
    FastCheck.record({
      pages: FastCheck.constant(pages),
      // An empty one is the end.
      cursors: FastCheck.uniqueArray(
        names.filter((name) => name !== ""),
        { minLength: pages.length, maxLength: pages.length }
      )
    })
)

describe("the pages of a list", () => {
  it.effect.prop(
    "are read to the end, whatever their cursors: every entry once, in order",
    { script },
    ({ script }) =>
      Effect.gen(function* () {
        const { cursors, pages } = script
        const server = paged(pages, cursors)
        expect(yield* list(server)).toEqual(named(pages.flat()))
        expect(server.count("resources/list")).toBe(pages.length)
      }),
    { fastCheck: { numRuns: 50 } }
  )

  it.effect.prop(
    "are refused as a whole exactly when they hold more than they may",
    { script, entries: FastCheck.nat(12), most: FastCheck.integer({ min: 1, max: 8 }) },
    ({ entries, most, script: { cursors, pages } }) =>
      Effect.gen(function* () {
        const read = yield* Effect.either(list(paged(pages, cursors), { entries, pages: most }))
        const fits = pages.flat().length <= entries && pages.length <= most
        expect(read._tag).toBe(fits ? "Right" : "Left")
        if (read._tag === "Left") expect(read.left).toMatchObject({ _tag: "ProtocolError", code: -32700 })
      }),
    { fastCheck: { numRuns: 50 } }
  )

  it.effect.prop(
    "end at a cursor that comes a second time, however long the circle",
    { length: FastCheck.integer({ min: 1, max: 20 }) },
    ({ length }) =>
      Effect.gen(function* () {
        const server = new MemoryServer({
          capabilities: { resources: {} },
          on: {
            "resources/list": ({ cursor }) => ({
              resources: [],
              nextCursor: String((Number(cursor ?? -1) + 1) % length)
            })
          }
        })
        expect(yield* Effect.flip(list(server))).toMatchObject({
          _tag: "ProtocolError",
          method: "resources/list",
          code: -32700,
          reason: "it gave the same cursor twice, so its list has no end"
        })
        expect(server.count("resources/list")).toBe(length + 1)
      }),
    { fastCheck: { numRuns: 10 } }
  )

  it.effect("end at an empty cursor, which some servers say the end with", () =>
    Effect.gen(function* () {
      const server = paged([["a"], ["b"], ["c"]], ["next", ""])
      expect(yield* list(server)).toEqual(named(["a", "b"]))
      expect(server.count("resources/list")).toBe(2)
    })
  )

  it.effect("say how many there may be when there are more", () =>
    Effect.gen(function* () {
      const server = paged([["a", "b"], ["c"]], ["1", "2"])
      expect(yield* Effect.flip(list(server, { entries: 2 }))).toMatchObject({ reason: "it has more than 2 resources" })
      expect(yield* Effect.flip(list(server, { pages: 1 }))).toMatchObject({
        reason: "its resources fill more than 1 pages"
      })
    })
  )

  it.effect("have the time of one call each, and one total", () => {
    const slow = new MemoryServer({
      capabilities: { resources: {} },
      on: { "resources/list": () => nothing }
    })
    return Effect.gen(function* () {
      const limits = { timeout: "3 seconds", totalTimeout: "7 seconds" } as const
      const fiber = yield* Effect.fork(Effect.flip(list(slow, {}, limits)))
      // Each page comes in time, and the third is over the total.
      for (const [page, nextCursor] of ["1", "2", "3"].entries()) {
        yield* TestClock.adjust("2500 millis")
        const id = 1_000_000 + page
        slow.clients[0]?.send({ jsonrpc: "2.0", id, result: { resources: [], nextCursor } })
        yield* TestClock.adjust(0)
      }
      expect(yield* Fiber.join(fiber)).toMatchObject({ _tag: "CallTimeout", method: "resources/list", timeoutMs: 2000 })
      expect(slow.count("resources/list")).toBe(3)
    })
  })
})

const isUsual = { uri: "file:///a", uriTemplate: "file:///{a}", name: "a" }
const many = <A>(count: number, make: () => A): Array<A> => Array.from({ length: count }, make)

describe("a page", () => {
  const cases = [
    ["resources", McpResource.list.page],
    ["resourceTemplates", McpResource.templates.page],
    ["prompts", McpPrompt.list.page]
  ] as const
  for (const [name, page] of cases) {
    it(`of ${name} stops at the first entry that is wrong, so that a hostile one costs no more than its parse`, () => {
      expect(page({ [name]: [isUsual, ...many(1_000_000, () => 1)] })).toMatchObject({
        reason: expect.stringMatching(new RegExp(`^${name}\\.1`))
      })
      expect(page({ [name]: [{ ...isUsual, _meta: { a: many(1_000_000, () => 1) } }] })).toMatchObject({
        reason: `${name}.0: more than 100000 values, too many to be checked`
      })
      expect(page({ [name]: 1 })).toMatchObject({ reason: `${name}: expected an array` })
      expect(page({ [name]: [], nextCursor: 1 })).toMatchObject({ reason: "nextCursor: expected a string" })
    })
  }
})
