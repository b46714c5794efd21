/**
 * Where a generated test runs: a clock, a scheduler and runtimes that use them, all driven synchronously. `fork`
 * starts an effect as the pool's owner would, `call` as a caller would, whose FiberRefs, services and span must never
 * be seen inside the pool. Nobody has to close a stage.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as FiberRef from "effect/FiberRef"
import * as HashSet from "effect/HashSet"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Metric from "effect/Metric"
import * as Random from "effect/Random"
import * as Runtime from "effect/Runtime"
import * as Tracer from "effect/Tracer"
import { VirtualClock } from "./VirtualClock.js"
import { VirtualScheduler } from "./VirtualScheduler.js"

/** What only callers have set. */
export const callerRef: FiberRef.FiberRef<number> = FiberRef.unsafeMake(0)

/** What only callers have in their context. */
export class CallerService extends Context.Tag("@mooring/pool/test/CallerService")<CallerService, string>() {}

const callerSpan = Tracer.externalSpan({ spanId: "caller", traceId: "caller" })

/** The fibers that are alive in this process, by Effect's own count. */
export const activeFibers = (): number => Effect.runSync(Metric.value(fiberCount)).count

const fiberCount = Metric.counter("effect_fiber_active")

/** What a program that plays commands needs of the place where it runs. */
export interface Place {
  /** Monotonic time. Milliseconds. */
  readonly now: () => number
  readonly fork: <A, E>(effect: Effect.Effect<A, E>) => Fiber.RuntimeFiber<A, E>
  readonly call: <A, E>(effect: Effect.Effect<A, E>) => Fiber.RuntimeFiber<A, E>
  readonly jumpWall: (millis: number) => void
}

export class Stage implements Place {
  readonly clock = new VirtualClock()
  readonly scheduler = new VirtualScheduler()
  readonly now = (): number => this.clock.now
  readonly jumpWall = (millis: number): void => this.clock.jumpWall(millis)
  readonly #owner: Runtime.Runtime<never>
  readonly #caller: Runtime.Runtime<never>

  constructor(options: {
    readonly seed: number
    readonly maxOpsBeforeYield?: number | undefined
    /** Hears what the pool logs. Default: nobody does. */
    readonly logger?: Logger.Logger<unknown, void> | undefined
  }) {
    const { logger } = options
    const base = Effect.runtime<never>().pipe(
      Effect.withClock(this.clock),
      Effect.withScheduler(this.scheduler),
      Effect.withRandom(Random.make(options.seed)),
      logger === undefined
        ? Logger.withMinimumLogLevel(LogLevel.None)
        : Effect.locally(FiberRef.currentLoggers, HashSet.make(logger))
    )
    const budget = options.maxOpsBeforeYield ?? 2048
    this.#owner = Runtime.setFiberRef(Effect.runSync(base), FiberRef.currentMaxOpsBeforeYield, budget)
    this.#caller = asCaller(this.#owner)
  }

  /** Starts an effect now, on this stack, until it first waits. */
  readonly fork = <A, E>(effect: Effect.Effect<A, E>): Fiber.RuntimeFiber<A, E> => Runtime.runFork(this.#owner)(effect)

  readonly call = <A, E>(effect: Effect.Effect<A, E>): Fiber.RuntimeFiber<A, E> => Runtime.runFork(this.#caller)(effect)

  /** Runs every task that is ready; the clock stands still. */
  settle(): number {
    return this.scheduler.drain()
  }

  /** Moves time; `atRest` is called at each instant at which something was due, once all is done there. */
  advance(millis: number, atRest: () => void = () => {}): void {
    this.settle()
    this.clock.advance(millis, () => this.settle(), atRest)
  }

  /** Runs an effect that must end without the clock moving. */
  run<A, E>(effect: Effect.Effect<A, E>): A {
    const fiber = this.fork(effect)
    this.settle()
    const exit = fiber.unsafePoll()
    if (exit === null) throw new Error("the effect waits for time to pass")
    return Exit.getOrElse(exit, (cause) => {
      throw new Error(`the effect failed: ${String(cause)}`)
    })
  }
}

/** The same runtime with everything set that must not leak into a pool. */
export const asCaller = (runtime: Runtime.Runtime<never>): Runtime.Runtime<never> =>
  runtime.pipe(
    Runtime.setFiberRef(callerRef, 1),
    Runtime.updateContext(
      // The services are there to be found by accident, so the type does not mention them.
      (context) =>
        Context.merge(
          context,
          Context.make(CallerService, "caller").pipe(Context.add(Tracer.ParentSpan, callerSpan))
        ) as typeof context
    )
  )
