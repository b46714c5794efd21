/**
 * A subject in a process of its own, with its client open. It has one target and one client in its life: what V8 has made
 * of the code for one, it drops for the next, which costs for some ten thousand calls. One that fails is ended, and fails from then on; what it said
 * is kept. Mooring must not: of that the whole run dies.
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as ExecutionStrategy from "effect/ExecutionStrategy"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import { isAbsolute } from "node:path"
import type { Failed, Measured } from "../Goal.js"
import * as Forked from "./Forked.js"
import type { Settings } from "./Settings.js"
import { type Load, Sample, type Target } from "./Subject.js"
import type { Trouble } from "./Trouble.js"

/** A subject in a comparison. */
export interface Entry {
  readonly name: string
  /** Its file in `subjects/`, or the path of one that is elsewhere. */
  readonly file: string
  /** What it calls, where that is not what the others call. */
  readonly via?: (target: Target) => Target
  /** Variables of its environment besides those of this process. */
  readonly env?: Readonly<Record<string, string>>
  /** What is set of its pool. Default: what its file has by itself. */
  readonly settings?: Settings
  /** Whether it is Mooring. Default: false. */
  readonly ours?: boolean
  /** Whether it is measured in half of the rounds only. Default: false. */
  readonly sparse?: boolean
  /** How long it may take to open, and for a round. Default: 30 seconds, for Mooring 2 minutes. */
  readonly limit?: Duration.DurationInput
}

export interface Opened {
  readonly name: string
  readonly sparse: boolean
  /** Does a round. Nothing comes of it when the subject fails, or has failed. */
  readonly run: (load: Load) => Effect.Effect<Sample, Failed>
  /** What has gone wrong so far. */
  readonly failed: () => Failed | undefined
  /** Who it is. Not known where its process did not even start. */
  readonly measured: Measured | undefined
  /** The rounds so far. */
  readonly done: () => Done
}

/** What a subject's process has done since it was started. */
export interface Done {
  readonly calls: number
  readonly cpuMs: number
  readonly wallMs: number
}

const Ready = Schema.Struct({ ready: Schema.Literal(true), version: Schema.String, settings: Schema.String })
const ClientOpen = Schema.Struct({ opened: Schema.Literal(true) })

/** Starts a subject and opens its client. */
export const make = (entry: Entry, target: Target): Effect.Effect<Opened, never, Scope.Scope> =>
  Effect.gen(function* () {
    const {
      file,
      name,
      ours = false,
      sparse = false,
      via = (target: Target) => target,
      limit = ours ? "2 minutes" : "30 seconds"
    } = entry
    const scope = yield* Scope.fork(yield* Effect.scope, ExecutionStrategy.sequential)
    let failed: Failed | undefined
    const orEnd = <A>(attempt: Effect.Effect<A, Trouble>): Effect.Effect<A, Failed> =>
      Effect.catchAll(attempt, ({ detail, message }) => {
        if (ours) return Effect.dieMessage(`${name}: ${detail}`)
        failed = { name, error: message }
        return Effect.zipRight(Scope.close(scope, Exit.void), Effect.fail(failed))
      })
    // The SDK's client, and so most peers, would write a warning for each abort listener too many, thousands of them, and
    // pay for that.
    const env = { NODE_NO_WARNINGS: "1", ...entry.env }
    const module = isAbsolute(file) ? file : Forked.fileOf(`subjects/${file}`)
    const started = yield* Forked.attempt("calls/main", [module], Ready, { env, limit, shown: ours }).pipe(
      Scope.extend(scope),
      orEnd,
      Effect.either
    )
    const ask = <A, I>(message: object, answer: Schema.Schema<A, I>): Effect.Effect<A, Failed> =>
      Effect.suspend(() =>
        failed === undefined
          ? Effect.flatMap(started, ([, process]) => orEnd(process.attempt(message, answer)))
          : Effect.fail(failed)
      )
    yield* Effect.ignore(ask({ open: via(target), settings: entry.settings }, ClientOpen))
    let done: Done = { calls: 0, cpuMs: 0, wallMs: 0 }
    const count = ({ calls }: Load, { cpuUs, wallMs }: Sample) => {
      done = { calls: done.calls + calls, cpuMs: done.cpuMs + cpuUs / 1000, wallMs: done.wallMs + wallMs }
    }
    return {
      name,
      sparse,
      run: (load) => Effect.tap(ask(load, Sample), (sample) => Effect.sync(() => count(load, sample))),
      failed: () => failed,
      measured: Either.match(started, {
        onLeft: () => undefined,
        onRight: ([{ settings, version }]) => ({
          name,
          version,
          settings: entry.settings === undefined ? settings : JSON.stringify(entry.settings)
        })
      }),
      done: () => done
    }
  })
