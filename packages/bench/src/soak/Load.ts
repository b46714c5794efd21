/** The load of the soak: servers that go wrong and servers that do not, 64 callers, and somebody who kills processes. */
import { createRequire } from "node:module"
import type { McpClient, ServerConfig } from "@mooring/mcp"
import { ProcessGroup } from "@mooring/node"
import { FaultyServer, ProcessFault } from "@mooring/testing/node"
import { McpTest } from "@mooring/testing"
import * as Clock from "effect/Clock"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import type { Accounts } from "./Accounts.js"

const { ConnectFault } = McpTest
const { ProcessFault: Fault } = ProcessFault
const resolve = createRequire(import.meta.url).resolve

export interface Servers {
  readonly faulty: ReadonlyMap<string, FaultyServer.FaultyServer>
  readonly configs: Readonly<Record<string, ServerConfig.StdioServer>>
}

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

/** `folder` is where the memory server keeps its graph. */
export const servers = (folder: string): Effect.Effect<Servers, never, Scope.Scope> =>
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
      faulty,
      configs: {
        ...Object.fromEntries([...faulty].map(([name, { config }]) => [name, config])),
        everything: { ...node("everything", ["stdio"]), concurrency: 4, max: 2 },
        memory: { ...node("memory", []), env: { MEMORY_FILE_PATH: `${folder}/memory.jsonl` } }
      }
    }
  })

/** How often of a thousand, what, and within how many milliseconds the call must be answered. */
const faults: ReadonlyArray<readonly [number, ProcessFault.ProcessFault, number]> = [
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

const pick = (drawn: number): readonly [ProcessFault.ProcessFault, number] => {
  let rest = drawn * 1000
  for (const [weight, fault, timeout] of faults) {
    rest -= weight
    if (rest < 0) return [fault, timeout]
  }
  return [Fault.None(), 2000]
}

/** Calls that have not ended after this are stuck: each has a deadline, and so has each wait for a connection. */
const stuck: Duration.DurationInput = "75 seconds"

/** One call of some server, with all that may go wrong. */
const call = (mcp: McpClient.Service, servers: Servers, accounts: Accounts): Effect.Effect<void> =>
  Effect.gen(function* () {
    const drawn = yield* Random.next
    if (drawn < 0.15) return yield* real(mcp, drawn < 0.1 ? "everything" : "memory", accounts)
    const [name = ""] = yield* Random.shuffle(servers.faulty.keys()).pipe(Effect.map((names) => [...names]))
    const [fault, timeout] = pick(yield* Random.next)
    const mayRunTwice = (yield* Random.next) < 0.1
    const latency = yield* Random.nextIntBetween(0, 20)
    const id = accounts.open(mayRunTwice)
    const args = { id, ...FaultyServer.meeting({ fault, latency }) }
    const outcome = yield* patient(mcp.callTool(name, "run", args, { timeout, mayRunTwice }))
    accounts.ended(id, outcome)
    accounts.count(outcome)
    if (outcome === "stuck") accounts.fail(`call ${id} of "${name}" (${fault._tag}) did not end`)
  })

const real = (mcp: McpClient.Service, name: "everything" | "memory", accounts: Accounts): Effect.Effect<void> =>
  Effect.gen(function* () {
    const outcome = yield* patient(
      name === "everything"
        ? mcp.callTool(name, "echo", { message: "soak" }, { timeout: "5 seconds" })
        : mcp.callTool(name, "read_graph", {}, { timeout: "5 seconds" })
    )
    accounts.count(`${name}: ${outcome}`)
    if (outcome === "stuck") accounts.fail(`a call of "${name}" did not end`)
  })

/** Makes the call; one of twenty callers loses patience. */
const patient = <A extends { readonly isError?: boolean | undefined }>(
  call: Effect.Effect<A, McpClient.CallError>
): Effect.Effect<string> =>
  Effect.gen(function* () {
    const patience = (yield* Random.next) < 0.05 ? yield* Random.nextIntBetween(0, 50) : undefined
    const outcome = Effect.match(call, {
      onSuccess: ({ isError }) => (isError === true ? "isError" : "answered"),
      onFailure: (error) => ("delivery" in error ? `${error._tag} ${error.delivery}` : error._tag)
    })
    const ended = yield* Effect.timeoutOption(outcome, patience ?? stuck)
    return Option.getOrElse(ended, () => (patience === undefined ? "stuck" : "given up"))
  })

/** Calls, until `end`, by this many callers. `seed` decides what each of them does. */
export const callers = (
  mcp: McpClient.Service,
  servers: Servers,
  accounts: Accounts,
  options: { readonly callers: number; readonly seed: string; readonly end: number }
): Effect.Effect<void> => {
  const caller = (n: number) =>
    Effect.gen(function* () {
      while ((yield* Clock.currentTimeMillis) < options.end) yield* call(mcp, servers, accounts)
    }).pipe(Effect.withRandom(Random.make(`${options.seed} caller ${n}`)))
  return Effect.forEach(
    Array.from({ length: options.callers }, (_, n) => n),
    caller,
    {
      concurrency: "unbounded",
      discard: true
    }
  )
}

/** Kills a server process now and then, for ever. `killed` is told of each. */
export const killer = (seed: string, killed: () => void): Effect.Effect<never> =>
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
  }).pipe(Effect.withRandom(Random.make(`${seed} killer`)))
