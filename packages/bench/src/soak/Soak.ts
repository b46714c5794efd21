/**
 * A soak: calls at load with faults of every kind, in rounds of half a minute, each followed by rest until every
 * connection and process has ended. What is there at rest must not grow from the first to the last, what every caller
 * was told must be true by the ledgers of the servers, and Node must not have warned of anything. Nothing else may run in
 * the process.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { McpClient, McpPool } from "@mooring/mcp"
import { Resources } from "@mooring/testing/node"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import { Accounts } from "./Accounts.js"
import * as Http from "./Http.js"
import * as Load from "./Load.js"
import * as Samples from "./Samples.js"
import * as Stdio from "./Stdio.js"
import type { Subject } from "./Subject.js"

export interface Options {
  readonly transport: "stdio" | "http"
  readonly minutes: number
  readonly callers: number
  readonly seed: string
}

export interface Result {
  readonly samples: ReadonlyArray<Samples.Sample>
  readonly accounts: Accounts
  /** What was untrue, what was left behind, and what Node warned of. What has grown is for `Samples.grown` to say. */
  readonly wrong: ReadonlyArray<string>
}

/** Seconds. */
const round = 30
const every = 5

const layer = ({ configs, connector }: Subject) =>
  McpClient.layer.pipe(Layer.provideMerge(McpPool.layer({ servers: configs })), Layer.provide(connector))

const say = (text: string) => Effect.sync(() => void process.stderr.write(`${text}\n`))

const soak = (
  { callers, minutes, seed: from }: Options,
  subject: Subject,
  accounts: Accounts,
  samples: Array<Samples.Sample>
) =>
  Effect.gen(function* () {
    const mcp = yield* McpClient.McpClient
    const began = yield* Clock.currentTimeMillis
    const end = began + minutes * 60_000
    let kills = 0
    const places = new Map<string, number>()

    const sample = (phase: Samples.Sample["phase"]) =>
      Effect.gen(function* () {
        const now = yield* Clock.currentTimeMillis
        for (const [name, server] of subject.faulty) {
          const { place, runs } = yield* server.ranSince(places.get(name) ?? 0)
          places.set(name, place)
          accounts.ran(runs)
        }
        if (phase === "rest") accounts.close()
        const { calls } = accounts
        const one = yield* Samples.take({ second: (now - began) / 1000, phase, calls, kills }, yield* mcp.stats)
        samples.push(one)
        yield* say(
          `${one.second.toFixed(0).padStart(4)} s  ${phase}  ${calls} calls, ${kills} kills, heap ${one.heap.toFixed(1)} MiB, ` +
            `${one.descriptors} fds, ${one.children} processes, ${one.timers} timers, ${one.fibers} fibers`
        )
      })

    const load = (n: number, seconds: number) =>
      Effect.gen(function* () {
        const now = yield* Clock.currentTimeMillis
        const seed = `${from} round ${n}`
        yield* subject.start
        const killing = subject.killer(() => kills++)
        const killer = yield* Effect.fork(Effect.withRandom(killing, Random.make(`${seed} killer`)))
        const sampler = yield* Effect.fork(Effect.forever(Effect.zipRight(Effect.sleep(every * 1000), sample("load"))))
        yield* Load.callers(mcp, subject, accounts, { callers, seed, end: now + seconds * 1000 })
        yield* Fiber.interruptAll([killer, sampler])
      })

    /** Everything that is idle is closed after a second; what is stopped or stubborn, a second later. */
    const rest = Effect.gen(function* () {
      const busy = yield* mcp.stats.pipe(
        Effect.zipLeft(Effect.sleep("50 millis")),
        Effect.repeat({
          until: ({ closing, connecting, open, waiting }) => open + connecting + closing + waiting === 0
        }),
        Effect.as(false),
        Effect.timeoutTo({ duration: "30 seconds", onSuccess: (none) => none, onTimeout: () => true })
      )
      if (busy) accounts.fail(`no rest within 30 s of a load: ${JSON.stringify(yield* mcp.stats)}`)
      yield* subject.stop
    })

    // What is made once, and what the compiler does at first, is there before the first rest.
    yield* load(0, Math.min(round, (minutes * 60) / 4))
    yield* rest
    const timer = "timer or handle Timeout"
    const held = yield* Resources.snapshot
    const before = new Map([...held, [timer, (held.get(timer) ?? 0) + Samples.poolTimers] as const])
    yield* sample("rest")
    for (let n = 1; ; n++) {
      const left = (end - (yield* Clock.currentTimeMillis)) / 1000
      if (left < every) break
      yield* load(n, Math.min(round, left))
      yield* rest
      yield* Effect.catchTag(Resources.settled(before), "Leaked", ({ grown }) =>
        Effect.sync(() => grown.forEach((what) => accounts.fail(`after round ${n}: ${what}`)))
      )
      yield* sample("rest")
    }
  })

export const run = (options: Options): Effect.Effect<Result> =>
  Effect.gen(function* () {
    const { callers, minutes, seed, transport } = options
    const folder = yield* Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "mooring-soak-"))),
      (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
    )
    yield* say(`soak: ${transport}, ${Number(minutes.toFixed(2))} minutes, ${callers} callers, seed ${seed}`)
    const subject = yield* Effect.withRandom(transport === "http" ? Http.make : Stdio.make(folder), Random.make(seed))
    const accounts = new Accounts()
    process.on("warning", (warning) => accounts.fail(`Node warned: ${warning.stack ?? warning.message}`))
    const samples: Array<Samples.Sample> = []
    // What is there before the first round is there without servers.
    yield* subject.stop
    yield* soak(options, subject, accounts, samples).pipe(
      Effect.provide(layer(subject)),
      Resources.givenBack(),
      Effect.catchTag("Leaked", (leaked) => Effect.sync(() => accounts.fail(leaked.message)))
    )
    for (const [name, server] of subject.faulty) {
      const left = yield* server.processes
      if (left.length > 0) accounts.fail(`processes of "${name}" are left: ${left.join(", ")}`)
    }
    return { samples, accounts, wrong: accounts.wrong }
  }).pipe(Effect.scoped, Effect.orDie)
