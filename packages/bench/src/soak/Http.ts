/**
 * Servers over Streamable HTTP that go wrong: with JSON and with events, with a session and without, with a stream of
 * their own and without. Somebody kills one of them now and then; it is back at the same port soon after.
 */
import { HttpSettings } from "@mooring/mcp"
import { NodeConnector } from "@mooring/node"
import { McpTest } from "@mooring/testing"
import { FaultyHttpServer, HttpFault } from "@mooring/testing/node"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import * as Subject from "./Subject.js"

const { ConnectFault } = McpTest
const { HttpFault: Fault } = HttpFault

const settings: FaultyHttpServer.Options["config"] = {
  concurrency: 24,
  max: 3,
  idleTimeToLive: "1 second",
  connectTimeout: "2 seconds",
  acquireTimeout: "20 seconds"
}

/** Handshakes of which one of twenty fails. */
const handshakes = Effect.replicateEffect(
  Effect.map(Random.next, (drawn) => {
    if (drawn < 0.95) return {}
    if (drawn < 0.96) return { fault: ConnectFault.Refuse({}) }
    if (drawn < 0.97) return { fault: ConnectFault.HangHandshake() }
    return { fault: drawn < 0.985 ? ConnectFault.CrashHandshake() : ConnectFault.RejectHandshake() }
  }),
  1000
)

const faults: Subject.Weights<HttpFault.HttpFault> = [
  [10, Fault.Hang(), 200],
  [10, Fault.NoAnswer(), 200],
  [10, Fault.AnswerLate({ by: 250 }), 200],
  [20, Fault.AnswerTwice(), 2000],
  [20, Fault.ForeignAnswers(), 2000],
  [10, Fault.IsError({ text: "no" }), 2000],
  [10, Fault.ErrorResponse({ code: -32000, reason: "no" }), 2000],
  [10, Fault.Status({ code: 500 }), 2000],
  [10, Fault.Status({ code: 503, retryAfter: "1 second" }), 2000],
  [10, Fault.Status({ code: 429, retryAfter: "1 second" }), 2000],
  [2, Fault.LoseSession(), 2000],
  [5, Fault.Reset({ at: "start" }), 2000],
  [5, Fault.Reset({ at: "headers" }), 2000],
  [5, Fault.Reset({ at: "body" }), 2000],
  [10, Fault.CutStream({ resumes: false }), 2000],
  [10, Fault.CutStream({ resumes: true }), 2000],
  [5, Fault.Drip({ over: 100 }), 2000],
  [10, Fault.Drip({ over: 2000 }), 200],
  [5, Fault.StopHalfway(), 200],
  [10, Fault.Malformed(), 2000],
  [0.5, Fault.LongAnswer({ bytes: 9 * 1024 * 1024 }), 2000]
]

const connector = NodeConnector.layer.pipe(
  Layer.provide(
    Layer.succeed(HttpSettings.HttpSettings, {
      ...HttpSettings.defaults,
      reopen: { ...HttpSettings.defaults.reopen, first: "100 millis" }
    })
  )
)

export const make: Effect.Effect<Subject.Subject, never, Scope.Scope> = Effect.gen(function* () {
  const server = (options: FaultyHttpServer.Options) =>
    Effect.flatMap(handshakes, (connects) =>
      FaultyHttpServer.make({ connects, ...options, config: { ...settings, listen: options.listens } })
    )
  const faulty = new Map([
    ["json", yield* server({ answers: "json" })],
    ["events", yield* server({ answers: "events", listens: true })],
    ["stateless", yield* server({ answers: "both", sessions: false })]
  ])
  const all = [...faulty.values()]
  return {
    configs: Object.fromEntries([...faulty].map(([name, { config }]) => [name, config])),
    connector,
    faulty,
    sound: [],
    plan: Effect.gen(function* () {
      const server = yield* Subject.choose([...faulty.keys()])
      const [fault, timeout] = Subject.pick(faults, Fault.None(), yield* Random.next)
      const latency = yield* Random.nextIntBetween(0, 20)
      return { server, fault: fault._tag, args: FaultyHttpServer.meeting({ fault, latency }), timeout }
    }),
    start: Effect.forEach(all, ({ start }) => start, { concurrency: "unbounded", discard: true }),
    stop: Effect.forEach(
      faulty,
      ([name, { kill, processes }]) =>
        Effect.flatMap(processes, ({ length }) =>
          length === 1 ? kill : Effect.dieMessage(`the server "${name}" has ended by itself`)
        ),
      { discard: true }
    ),
    killer: (killed) =>
      Effect.gen(function* () {
        for (;;) {
          yield* Effect.sleep(yield* Random.nextIntBetween(1000, 5000))
          const { kill, start } = yield* Subject.choose(all)
          const away = yield* Random.nextIntBetween(0, 300)
          // Whole: when the load ends, every server is up.
          yield* Effect.uninterruptible(Effect.zipRight(kill, Effect.delay(start, away)))
          killed()
        }
      })
  }
})
