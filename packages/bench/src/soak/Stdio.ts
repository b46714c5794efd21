/** Child processes that go wrong, two real servers that do not, and somebody who kills any of them. */
import { createRequire } from "node:module"
import type { ServerConfig } from "@mooring/mcp"
import { NodeConnector, ProcessGroup, StdioSettings } from "@mooring/node"
import { McpTest } from "@mooring/testing"
import { FaultyServer, ProcessFault } from "@mooring/testing/node"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import * as Subject from "./Subject.js"

const { ConnectFault } = McpTest
const { ProcessFault: Fault } = ProcessFault
const resolve = createRequire(import.meta.url).resolve

const settings: FaultyServer.Options["config"] = {
  concurrency: 8,
  max: 3,
  idleTimeToLive: "1 second",
  connectTimeout: "10 seconds",
  acquireTimeout: "20 seconds"
}

/** Starts that fail now and then, at the beginning; after them all starts go well. */
const starts = Effect.replicateEffect(
  Effect.map(Random.next, (drawn) => {
    if (drawn < 0.85) return {}
    if (drawn < 0.9) return { fault: ConnectFault.Refuse({ reason: "not now" }) }
    return { fault: drawn < 0.95 ? ConnectFault.CrashHandshake() : ConnectFault.RejectHandshake() }
  }),
  300
)

const faults: Subject.Weights<ProcessFault.ProcessFault> = [
  [15, Fault.Hang(), 200],
  [15, Fault.NoAnswer(), 200],
  [15, Fault.AnswerLate({ by: 250 }), 200],
  [30, Fault.AnswerTwice(), 2000],
  [5, Fault.WrongId(), 200],
  [15, Fault.IsError({ text: "no" }), 2000],
  [15, Fault.ErrorResponse({ code: -32000, reason: "no" }), 2000],
  [5, Fault.HalfLine({ exits: false }), 200],
  [1, Fault.HalfLine({ exits: true }), 2000],
  [10, Fault.Junk({ times: 10 }), 2000],
  [0.5, Fault.LongLine({ bytes: 9 * 1024 * 1024 }), 2000],
  [1, Fault.Deep({ levels: 100_000 }), 2000],
  [1, Fault.CrashUnrun(), 2000],
  [1, Fault.CrashDuring({ after: 10 }), 2000],
  [1, Fault.CrashAfter(), 2000],
  [1, Fault.CrashAnswered(), 2000],
  [3, Fault.FloodStderr({ bytes: 1024 * 1024 }), 2000],
  [3, Fault.FloodNotifications({ count: 2000 }), 2000],
  [0.5, Fault.StopReading(), 2000],
  [0.5, Fault.Stop(), 500],
  [0.5, Fault.LeaveGrandchild(), 2000]
]

const connector = NodeConnector.layer.pipe(
  Layer.provide(
    Layer.succeed(StdioSettings.StdioSettings, {
      ...StdioSettings.defaults,
      close: { afterStdinEnd: "500 millis", afterSigterm: "500 millis" }
    })
  )
)

/** `folder` is where the memory server keeps its graph. */
export const make = (folder: string): Effect.Effect<Subject.Subject, never, Scope.Scope> =>
  Effect.gen(function* () {
    const faulty = new Map([
      ["plain", yield* FaultyServer.make({ config: settings, connects: yield* starts })],
      ["deaf", yield* FaultyServer.make({ config: settings, connects: yield* starts, ignoresStdinEnd: true })],
      ["stubborn", yield* FaultyServer.make({ config: settings, ignoresStdinEnd: true, ignoresSigterm: true })]
    ])
    const node = (name: string, args: ReadonlyArray<string>): ServerConfig.StdioServer => ({
      command: process.execPath,
      args: [resolve(`@modelcontextprotocol/server-${name}/dist/index.js`), ...args],
      idleTimeToLive: "1 second"
    })
    return {
      configs: {
        ...Object.fromEntries([...faulty].map(([name, { config }]) => [name, config])),
        everything: { ...node("everything", ["stdio"]), concurrency: 4, max: 2 },
        memory: { ...node("memory", []), env: { MEMORY_FILE_PATH: `${folder}/memory.jsonl` } }
      },
      connector,
      faulty,
      sound: [
        { share: 0.1, server: "everything", tool: "echo", args: { message: "soak" } },
        { share: 0.05, server: "memory", tool: "read_graph", args: {} }
      ],
      plan: Effect.gen(function* () {
        const server = yield* Subject.choose([...faulty.keys()])
        const [fault, timeout] = Subject.pick(faults, Fault.None(), yield* Random.next)
        const latency = yield* Random.nextIntBetween(0, 20)
        return { server, fault: fault._tag, args: FaultyServer.meeting({ fault, latency }), timeout }
      }),
      // Clients start and end these servers.
      start: Effect.void,
      stop: Effect.void,
      killer
    }
  })

const killer = (killed: () => void): Effect.Effect<never> =>
  Effect.gen(function* () {
    for (;;) {
      yield* Effect.sleep(yield* Random.nextIntBetween(200, 2000))
      const [leader] = [...(yield* Random.shuffle(ProcessGroup.living()))]
      if (leader === undefined) continue
      // The process alone and not its group: what a lack of memory does.
      try {
        process.kill(leader, "SIGKILL")
        killed()
      } catch {
        // It has just ended.
      }
    }
  })
