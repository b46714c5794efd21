import { afterAll, describe, expect, it } from "@effect/vitest"
import { McpClient, McpHandlers, McpTool, type ServerConfig } from "@mooring/mcp"
import { McpTest, VirtualTime } from "@mooring/testing"
import { Effect, FastCheck, Layer, Option, Schema } from "effect"

describe("a tool of McpTest", () => {
  const Ask = McpTool.make("ask", { parameters: {}, success: McpTool.json(Schema.Unknown) })

  it.effect("asks its client in a line", () => {
    const ask = McpTest.tool(Ask, (_, { client }) =>
      Effect.gen(function* () {
        const summary = yield* client.sample("Sum it up.", { maxTokens: 7 })
        const form = yield* client.elicit("Who?", { name: { type: "string" }, age: { type: "integer", default: 3 } })
        const elicitation = { elicitationId: "e", url: "https://example.org/", message: "Log in" }
        const visit = yield* client.visit(elicitation)
        yield* client.notify("notifications/elicitation/complete", { elicitationId: "e" })
        const { uri } = (yield* client.roots)[0] ?? expect.fail()
        const refused = yield* Effect.flip(client.ask("sampling/none"))
        return {
          model: summary.model,
          form,
          visit,
          uri,
          refused: refused.code,
          knows: Object.keys(client.capabilities)
        }
      })
    )
    const done: Array<string> = []
    const handlers = McpHandlers.layer({
      sampling: { createMessage: ({ maxTokens }) => Effect.succeed(McpHandlers.message(`of ${maxTokens}`, "x")) },
      elicitation: {
        form: () => Effect.succeed(McpHandlers.accept({ name: "Ada" })),
        url: () => Effect.succeed(McpHandlers.accept()),
        completed: (id) => Effect.sync(() => void done.push(id))
      },
      roots: { list: () => Effect.succeed([{ uri: "file:///here" }]) }
    })
    return Effect.gen(function* () {
      const mcp = yield* McpClient.McpClient
      expect(yield* mcp.call("s", Ask, {})).toEqual({
        model: "of 7",
        form: { action: "accept", content: { name: "Ada", age: 3 } },
        visit: { action: "accept" },
        uri: "file:///here",
        refused: -32601,
        knows: ["sampling", "elicitation", "roots"]
      })
      expect(done).toEqual(["e"])
    }).pipe(
      Effect.provide(McpTest.layer({ servers: [McpTest.server("s", { tools: [ask] })] }).pipe(Layer.provide(handlers)))
    )
  })

  it.effect("takes back what it asked when it is not wanted any more", () => {
    const interrupted: Array<string> = []
    const ask = McpTest.tool(Ask, (_, { client }) =>
      Effect.timeoutTo(client.sample("slow"), {
        duration: "1 second",
        onSuccess: () => "answered",
        onTimeout: () => "late"
      })
    )
    const handlers = McpHandlers.layer({
      sampling: {
        createMessage: () => Effect.onInterrupt(Effect.never, () => Effect.sync(() => interrupted.push("x")))
      }
    })
    return Effect.gen(function* () {
      const mcp = yield* McpClient.McpClient
      expect(yield* VirtualTime.run(mcp.call("s", Ask, {}))).toBe("late")
      expect(interrupted).toEqual(["x"])
    }).pipe(
      Effect.provide(McpTest.layer({ servers: [McpTest.server("s", { tools: [ask] })] }).pipe(Layer.provide(handlers)))
    )
  })
})

/** Who calls, and what the server asks meanwhile. Milliseconds. */
interface Caller {
  readonly kind: "plain" | "call" | "session"
  readonly server: "web" | "desk" | "own"
  readonly partition: "a" | "b"
  readonly at: number
  readonly calls: number
  readonly asks: ReadonlyArray<{
    readonly after: number
    readonly slow: number
    readonly cleanup: number
    readonly giveUp: number | undefined
  }>
  readonly interruptAfter: number | undefined
}

const millis = (max: number) => FastCheck.nat(max)
const some = (max: number) => FastCheck.option(millis(max), { nil: undefined })
const caller: FastCheck.Arbitrary<Caller> = FastCheck.record({
  kind: FastCheck.constantFrom("plain" as const, "call", "session"),
  server: FastCheck.constantFrom("web" as const, "desk", "own"),
  partition: FastCheck.constantFrom("a" as const, "b"),
  at: millis(60),
  calls: FastCheck.integer({ min: 1, max: 2 }),
  asks: FastCheck.array(
    FastCheck.record({ after: millis(20), slow: millis(30), cleanup: millis(3), giveUp: some(40) }),
    { minLength: 1, maxLength: 3 }
  ),
  interruptAfter: some(80)
})

const Work = McpTool.make("work", {
  parameters: { caller: Schema.Int },
  success: McpTool.structured(Schema.Struct({ answers: Schema.Array(Schema.String) }))
})

const configs: Readonly<Record<Caller["server"], ServerConfig.ServerConfig>> = {
  web: { url: "https://web.example.org", concurrency: 3, max: 2, mayAsk: ["sampling"] },
  desk: { command: "desk", mayAsk: ["sampling"] },
  own: { url: "https://own.example.org", isolation: "perPartition", concurrency: 2, max: 1, mayAsk: ["sampling"] }
}

describe("the laws of handlers", () => {
  const reached = new Set<string>()

  it.effect.prop(
    "none is asked for another's sake or outlives its owner, and whoever is there to the end is answered by his own",
    [FastCheck.array(caller, { minLength: 1, maxLength: 8 })],
    ([callers]) => {
      const wrong: Array<string> = []
      const running = new Map<number | "app", number>()
      const over = new Set<number>()
      const handlersOf = (owner: number | "app"): McpHandlers.Handlers => ({
        sampling: {
          createMessage: ({ messages: [message] }, { key, origin }) =>
            Effect.suspend(() => {
              // `c` asks it, for the `a`-th time.
              const [c = -1, a = -1] = JSON.parse(textIn(message?.content)) as ReadonlyArray<number>
              const by = callers[c]
              const ask = by?.asks[a]
              if (by === undefined || ask === undefined) return Effect.dieMessage("an unknown caller")
              if (owner !== "app" && owner !== c) wrong.push(`${owner} was asked for ${c}`)
              if (owner !== "app" && over.has(owner)) wrong.push(`${owner} was asked when it was over`)
              if (by.server === "own" && key.partition !== by.partition) wrong.push(`${c} was asked for ${key}`)
              if ((origin === undefined) !== (by.server === "desk")) wrong.push(`${c}: an origin that cannot be`)
              running.set(owner, (running.get(owner) ?? 0) + 1)
              return Effect.as(Effect.sleep(ask.slow), McpHandlers.message(String(owner), "x")).pipe(
                Effect.ensuring(
                  Effect.zipRight(
                    Effect.sleep(ask.cleanup),
                    Effect.sync(() => running.set(owner, (running.get(owner) ?? 0) - 1))
                  )
                ),
                Effect.onInterrupt(() => Effect.sync(() => reached.add("interrupted")))
              )
            })
        }
      })
      const work = McpTest.tool(Work, ({ caller }, { client }) =>
        Effect.map(
          Effect.forEach(callers[caller]?.asks ?? [], ({ after, giveUp }, at) =>
            Effect.delay(client.sample(JSON.stringify([caller, at])), after).pipe(
              Effect.map(({ model }) => model),
              Effect.catchAll(({ code }) => Effect.succeed(`refused ${code}`)),
              Effect.timeoutTo({
                duration: giveUp === undefined ? "1 hour" : after + giveUp,
                onSuccess: (model) => model,
                onTimeout: () => "gave up"
              })
            )
          ),
          (answers) => ({ answers })
        )
      )
      const run = (mcp: McpClient.Service, own: Caller, index: number) => {
        const { asks, calls, interruptAfter, kind, server } = own
        const expected = kind === "plain" ? "app" : String(index)
        const check = ({ answers }: { readonly answers: ReadonlyArray<string> }) => {
          reached.add(`${kind} ${server}`)
          if (answers.length !== asks.length) wrong.push(`${index}: not all was asked`)
          for (const [at, answer] of answers.entries()) {
            reached.add(answer === expected ? "answered" : answer)
            if (answer === expected || (answer === "gave up" && asks[at]?.giveUp !== undefined)) continue
            wrong.push(`${index} was answered "${answer}"`)
          }
        }
        const handlers = handlersOf(index)
        const one =
          kind === "call"
            ? mcp.call(server, Work, { caller: index }, { handlers })
            : mcp.call(server, Work, { caller: index })
        const whole =
          kind === "session"
            ? Effect.scoped(
                Effect.flatMap(mcp.session(server, { handlers }), (session) =>
                  Effect.forEach(
                    Array.from({ length: calls }),
                    () => Effect.map(session.call(Work, { caller: index }), check),
                    { concurrency: own.at % 2 === 0 ? 1 : 2 }
                  )
                )
              )
            : Effect.map(one, check)
        const ended = Effect.sync(() => {
          over.add(index)
          if ((running.get(index) ?? 0) !== 0) wrong.push(`a handler of ${index} has outlived it`)
        })
        return Effect.ensuring(whole, ended).pipe(
          Effect.catchTag("HandlersRefused", (error) =>
            kind === "call" && server === "desk" ? Effect.sync(() => reached.add("refused")) : Effect.die(error)
          ),
          Effect.timeoutOption(interruptAfter ?? "1 hour"),
          Effect.map((outcome) => Option.isNone(outcome) && reached.add("given up by its caller")),
          Effect.delay(own.at),
          McpClient.withPartition(own.partition)
        )
      }
      const servers = Object.entries(configs).map(([name, config]) => McpTest.server(name, { tools: [work], config }))
      return Effect.gen(function* () {
        const mcp = yield* McpClient.McpClient
        const all = Effect.forEach(callers, (own, index) => run(mcp, own, index), { concurrency: "unbounded" })
        yield* VirtualTime.run(all, { limit: "1 minute" })
        // What an application's handler is at when its caller has gone is not waited for.
        yield* VirtualTime.run(Effect.sleep("1 second"))
        expect(wrong).toEqual([])
        expect([...running.values()].filter((count) => count !== 0)).toEqual([])
        expect(yield* mcp.stats).toMatchObject({ leases: 0 })
      }).pipe(
        Effect.provide(McpTest.layer({ servers }).pipe(Layer.provide(McpHandlers.layer(handlersOf("app"))))),
        VirtualTime.fast
      )
    },
    { fastCheck: { numRuns: 60 }, timeout: 120_000 }
  )

  // A generator that never came there would prove little.
  afterAll(() => {
    const kinds = ["plain", "call", "session"].flatMap((kind) =>
      ["web", "desk", "own"].map((server) => `${kind} ${server}`)
    )
    const ways = [...kinds.filter((way) => way !== "call desk"), "answered", "gave up", "refused", "interrupted"]
    expect([...ways, "given up by its caller"].filter((way) => !reached.has(way))).toEqual([])
  })
})

const textIn = (content: unknown): string =>
  (content as { readonly text?: string } | undefined)?.text ?? expect.fail("a prompt without a text")
