/**
 * One generated run: a pool over the factory, the commands played on it, and the checks after each. `play` says where
 * it wants to come to rest or time to pass, so that the same run can be driven by the virtual clock and by Effect's own
 * `TestClock`. `finish` closes the pool and leaves nothing behind; what is left then is a violation.
 */
import * as Effect from "effect/Effect"
import type * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as KeyedPool from "effect/KeyedPool"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import { Lease, Pool, PoolError } from "@mooring/pool"
import type { Acquire, How } from "./Acquire.js"
import type { ConnectRefused } from "./Behaviour.js"
import { type Subject, take } from "./Caller.js"
import type { Command, Step } from "./Command.js"
import { letGo } from "./Keeping.js"
import { checkLiveness } from "./Liveness.js"
import { Model } from "./Model.js"
import { checkKey, checkTotals } from "./Numbers.js"
import { checkSafety } from "./Safety.js"
import { refreshed, resized } from "./Settings.js"
import { groupOf, keyName, poolConfig, type Setup } from "./Setup.js"
import type { Place } from "./Stage.js"
import type { Thing, Unit } from "./Unit.js"

/** What `play` asks of whoever drives it. */
export type Wait = "rest" | { readonly millis: number }

interface Draining {
  readonly key: string
  readonly fiber: Fiber.RuntimeFiber<void>
  /** What had to go when it began. */
  readonly units: ReadonlyArray<Unit>
}

/** Settles once, at the edge of the pool's options, what a setup means. */
export const optionsOf = (model: Model): Pool.PoolOptions<string, Thing, ConnectRefused, never> => {
  const { setup, factory } = model
  return {
    acquire: factory.acquire,
    config: (key) => poolConfig(factory.key(key).configured),
    maxTotal: setup.maxTotal,
    maxConnecting: setup.maxConnecting,
    isOpen: factory.isOpen,
    isRetryable: (error) => error.retryable,
    shutdownTimeout: setup.shutdownMs,
    seed: setup.seed,
    ...(setup.quota > 0 ? { group: { of: groupOf, quota: setup.quota } } : {}),
    // Never on schedule: what is probed is probed because it is about to be borrowed.
    ...(setup.validates
      ? { health: { probe: factory.probe, schedule: never, timeout: setup.probeTimeoutMs, onBorrow: true } }
      : {})
  }
}

const never = Schedule.stop

export class Run {
  readonly model: Model
  readonly #scope: Scope.CloseableScope
  readonly pool: Subject
  readonly #drains: Array<Draining> = []
  readonly #warms: Array<Fiber.RuntimeFiber<void, ConnectRefused | PoolError.PoolError>> = []
  /** Leases given back early, whose scope is still open. */
  readonly #lingering: Array<Acquire> = []
  /** Those who lost their lease, and what `lost` says; looked at when all is at rest again. */
  readonly #lost: Array<{
    readonly acquire: Acquire
    readonly lost: Fiber.RuntimeFiber<Either.Either<never, PoolError.LeaseRevoked>>
  }> = []
  #closing: Fiber.RuntimeFiber<void> | undefined

  constructor(
    readonly place: Place,
    readonly setup: Setup,
    make: (
      options: Pool.PoolOptions<string, Thing, ConnectRefused, never>
    ) => Effect.Effect<Subject, PoolError.PoolConfigError, Scope.Scope> = Pool.make
  ) {
    this.model = new Model(setup, place.now)
    this.#scope = this.#now(Scope.make())
    this.pool = this.#now(Scope.extend(make(optionsOf(this.model)), this.#scope))
  }

  *play(commands: ReadonlyArray<Command>): Generator<Wait, void, void> {
    for (const [index, command] of commands.entries()) {
      this.model.verdict.step = index
      yield* this.#step(command.does)
      this.model.calm = false
      if (!command.rushed) yield "rest"
    }
    this.model.verdict.step = commands.length
    yield "rest"
  }

  /** Everything is given back, nobody waits, and everything idle expires: unpinned keys must be forgotten. */
  *quieten(): Generator<Wait, void, void> {
    const { model } = this
    if (model.closed) return
    yield* this.#step({ _tag: "ResumeAll" })
    for (let key = 0; key < this.setup.keys; key++) yield* this.#step({ _tag: "Resume", key })
    for (const unit of model.factory.units) while (unit.kept) letGo(model, unit, false)
    yield "rest"
    yield* this.#letGo()
    for (let round = 0; round < 2; round++) {
      model.freezer.thaw()
      yield { millis: 60_000 }
    }
    yield* this.#letGo()
    yield { millis: 60_000 }
    for (const key of model.factory.keys.values()) {
      // A key that was resized keeps what it was told.
      if (model.pinned.has(key.name) || key.resized) continue
      const stats = this.#now(this.pool.keyStats(key.name))
      model.verdict.expect(29, stats === undefined, () => `${key.name} still has an entry: ${JSON.stringify(stats)}`)
    }
  }

  /** Closes the pool; leases that are held are taken away at the deadline. */
  *finish(): Generator<Wait, void, void> {
    const { model, setup } = this
    const { verdict } = model
    yield* this.#step({ _tag: "Close" })
    yield "rest"
    const refused = this.#acquire(0, "use")
    yield "rest"
    verdict.expect(27, refused.state === "done", () => "an acquire waits for a pool that is closed")
    yield { millis: setup.shutdownMs }
    yield "rest"
    verdict.expect(
      27,
      [...model.holding].every((acquire) => acquire.revoked),
      () => "a lease outlives the shutdown"
    )
    const longest = setup.key.closeMs + setup.key.connectMs + setup.probeTimeoutMs
    yield { millis: longest }
    yield "rest"
    verdict.expect(27, this.#closing?.unsafePoll() != null, () => "closing the pool does not end")
    for (let round = 0; round < 2; round++) {
      model.freezer.thaw()
      yield "rest"
      yield { millis: 600 }
    }
    yield* this.#letGo()
    const { tally } = model
    for (const unit of model.factory.units) {
      verdict.expect(5, unit.finalized === 1, () => `the finalizer of unit ${unit.id} ran ${unit.finalized} times`)
      verdict.expect(28, unit.phase === "closed", () => `unit ${unit.id} is ${unit.phase} in the end`)
    }
    const stats = this.#now(this.pool.stats)
    const left = stats.open + stats.connecting + stats.closing + stats.leases + stats.waiting
    verdict.expect(5, left === 0, () => `the closed pool still counts ${JSON.stringify({ ...stats, keys: undefined })}`)
    const handedOut = tally.immediate + tally.waited
    verdict.expect(5, stats.released === handedOut, () => `${handedOut} were handed out, ${stats.released} came back`)
    for (const fiber of this.#warms) {
      verdict.expect(27, fiber.unsafePoll() !== null, () => "warming goes on in a closed pool")
    }
    for (const acquire of model.acquires) {
      verdict.expect(16, acquire.state === "done", () => `acquire ${acquire.id} never ended`)
    }
  }

  /** Everything is at rest: the laws must hold. `thoroughly` compares the numbers as well. */
  rest(thoroughly: boolean): void {
    const { model } = this
    model.settled()
    for (const { acquire, lost } of this.#lost.splice(0)) {
      const exit = lost.unsafePoll()
      const told = exit !== null && Exit.isSuccess(exit) && exit.value._tag === "Left"
      const right = told && exit.value.left instanceof PoolError.LeaseRevoked
      model.verdict.expect(6, right, () => `acquire ${acquire.id} was not told that it lost its lease`)
    }
    for (const acquire of model.revocations.splice(0)) {
      if (acquire.lease === undefined) continue
      this.#lost.push({ acquire, lost: this.place.fork(Effect.either(acquire.lease.lost)) })
    }
    checkSafety(model)
    checkLiveness(model)
    this.#checkDrains()
    if (thoroughly) {
      const stats = this.#now(this.pool.stats)
      for (const name of model.factory.keys.keys()) {
        checkKey(
          model,
          name,
          stats.keys.find((key) => key.key === name)
        )
      }
      checkTotals(model, stats)
    }
    model.nextPass()
  }

  *#step(step: Step): Generator<Wait, void, void> {
    const { model, place, pool } = this
    switch (step._tag) {
      case "Acquire":
        this.#acquire(step.key, step.how)
        return
      case "Cancel": {
        const all = model.acquires.filter((a) => a.state === (step.waiting ? "waiting" : "holding") && !a.cancelled)
        const acquire = at(all, step.pick)
        if (acquire?.fiber === undefined) return
        // What he borrowed before goes with it.
        for (const other of model.acquires) {
          if (other.fiber === acquire.fiber && other.state !== "done") other.cancelled = true
        }
        acquire.fiber.unsafeInterruptAsFork(FiberId.none)
        return
      }
      case "Release": {
        const late = this.#lingering.splice(step.pick % (this.#lingering.length + 1), 1)[0]
        if (late !== undefined) return yield* this.#unchanged(late)
        at([...model.holding], step.pick)?.resume?.(Effect.void)
        return
      }
      case "ReleaseTwice": {
        const leases = [...model.holding].filter((a) => a.lease !== undefined && a.resume !== undefined)
        const acquire = at(leases, step.pick)
        if (acquire?.lease === undefined) return
        const { release } = acquire.lease
        const resume = acquire.resume
        acquire.resume = undefined
        this.#lingering.push(acquire)
        const again = Effect.async<void, ConnectRefused | PoolError.PoolError>((next) => {
          acquire.resume = next
        })
        resume?.(
          Effect.sync(() => model.returns(acquire)).pipe(
            Effect.zipRight(release),
            Effect.zipRight(release),
            Effect.zipRight(again)
          )
        )
        return
      }
      case "Discard": {
        const acquire = at([...model.holding], step.pick)
        if (acquire?.unit === undefined || acquire.resume === undefined) return
        const { unit, resume, lease } = acquire
        resume(
          Effect.suspend(() => {
            if (lease === undefined) {
              model.condemn(unit, "its borrower invalidated it")
              return pool.invalidate(unit.thing)
            }
            acquire.discards = true
            return lease.decide(Lease.Discard("scripted"))
          })
        )
        return
      }
      case "Nest": {
        const outer = at([...model.holding], step.pick)
        if (outer?.resume === undefined) return
        const resume = outer.resume
        outer.resume = undefined
        resume(
          Effect.suspend(() => {
            const inner = model.begin(outer.key, "use")
            inner.called = true
            inner.nested = true
            inner.fiber = outer.fiber
            return Effect.onExit(take(model, pool, inner), (exit) => Effect.sync(() => model.ended(inner, exit)))
          })
        )
        return
      }
      case "NextConnect":
        model.key(this.#name(step.key)).connects.push(step.does)
        return
      case "NextClose":
        model.key(this.#name(step.key)).closes.push(step.does)
        return
      case "NextProbe":
        model.key(this.#name(step.key)).probes.push(step.does)
        return
      case "Kill": {
        const units = model.key(this.#name(step.key)).units
        const unit = at(
          units.filter((u) => u.phase === "open" && u.alive && u.holders.size > 0 === step.held),
          step.pick
        )
        if (unit === undefined) return
        unit.alive = false
        unit.diedIn = model.pass
        if (!step.tells) return
        model.condemn(unit, "it retired itself")
        unit.handle.retire("scripted")
        return
      }
      case "Alive": {
        // What was decided before it spoke is not judged by what it said.
        yield "rest"
        const unit = at(
          model.key(this.#name(step.key)).units.filter((u) => u.phase === "open"),
          step.pick
        )
        if (unit === undefined) return
        unit.answeredAt = model.now()
        unit.heardAt = model.now()
        unit.handle.alive()
        return
      }
      case "Concurrency": {
        // Who was let in by what it said before must have come in.
        yield "rest"
        const unit = at(
          model.key(this.#name(step.key)).units.filter((u) => u.phase === "open"),
          step.pick
        )
        if (unit === undefined) return
        unit.concurrency = step.to
        unit.leastConcurrency = step.to
        unit.handle.setConcurrency(step.to)
        return
      }
      case "Invalidate": {
        // Those that are gone already as well: that must do nothing.
        const unit = at(
          model.factory.units.filter((u) => u.key === this.#name(step.key) && u.phase !== "connecting"),
          step.pick
        )
        if (unit === undefined) return
        if (unit.phase === "open") model.condemn(unit, "it was invalidated")
        place.fork(KeyedPool.invalidate(pool, unit.thing))
        return
      }
      case "Advance":
        yield { millis: step.millis }
        return
      case "JumpWall":
        place.jumpWall(step.millis)
        return
      case "Drain":
        this.#drain(this.#name(step.key), step.deadline)
        return
      case "Suspend":
        model.key(this.#name(step.key)).removed = false
        model.suspended.add(this.#name(step.key))
        model.suspendedIn = model.pass
        place.fork(pool.suspend(this.#name(step.key)))
        return
      case "Resume":
        model.key(this.#name(step.key)).removed = false
        model.suspended.delete(this.#name(step.key))
        place.fork(pool.resume(this.#name(step.key)))
        return
      case "SuspendAll":
        model.suspendedAll = true
        model.suspendedIn = model.pass
        place.fork(pool.suspend())
        return
      case "ResumeAll":
        model.suspendedAll = false
        place.fork(pool.resume())
        return
      case "Resize": {
        const key = model.key(this.#name(step.key))
        resized(model, key, step.to)
        place.fork(pool.resize(key.name, poolConfig(key.setup)))
        return
      }
      case "Refresh": {
        refreshed(model, step.what, step.to, step.deadline ?? this.setup.shutdownMs, (which) => {
          const exit = place.fork(pool.refresh(which, step.deadline)).unsafePoll()
          return exit !== null && Exit.isSuccess(exit)
        })
        return
      }
      case "Keep": {
        const opening = model.key(this.#name(step.key)).units.filter((u) => u.phase !== "closing")
        const unit = at(opening, step.pick)
        unit?.keeps.push(unit.handle.keep())
        return
      }
      case "LetGo": {
        const kept = model.factory.units.filter((u) => u.key === this.#name(step.key) && u.kept)
        const unit = at(kept, step.pick)
        if (unit !== undefined) letGo(model, unit, step.twice)
        return
      }
      case "Warm": {
        if (model.closed) return
        const name = this.#name(step.key)
        const key = model.key(name)
        key.removed = false
        model.warmed.add(name)
        const sum = [...model.pinned, name].reduce((sum, key) => sum + model.key(key).setup.min, 0)
        const tooMuch = !model.pinned.has(name) && sum > this.setup.maxTotal
        if (!tooMuch && key.setup.min > 0) model.pinned.add(name)
        const fiber = place.call(pool.warm([name]))
        this.#warms.push(fiber)
        if (!tooMuch) return
        yield "rest"
        const exit = fiber.unsafePoll()
        const refused = exit !== null && Exit.isFailure(exit) && String(exit.cause).includes("PoolConfigError")
        model.verdict.expect(29, refused, () => `${name} was pinned although that makes ${sum} items`)
        return
      }
      case "Thaw":
        model.freezer.thaw()
        return
      case "Close":
        if (this.#closing !== undefined) return
        if (!model.calm) model.blurred = true
        model.closedAt = model.now()
        for (const unit of model.factory.units) {
          if (unit.phase === "connecting") unit.givenUpAt = Math.min(unit.givenUpAt, model.now())
        }
        this.#closing = place.fork(Scope.close(this.#scope, Exit.void))
        return
    }
  }

  #acquire(key: number, how: How): Acquire {
    const acquire = this.model.begin(this.#name(key), how)
    acquire.fiber = this.place.call(take(this.model, this.pool, acquire))
    acquire.fiber.addObserver((exit) => this.model.ended(acquire, exit))
    this.model.begun(acquire)
    return acquire
  }

  /** A lease that was given back long ago ends: that must change nothing. */
  *#unchanged(acquire: Acquire): Generator<Wait, void, void> {
    yield "rest"
    const before = JSON.stringify(this.#now(this.pool.keyStats(acquire.key)))
    acquire.resume?.(Effect.void)
    yield "rest"
    const after = JSON.stringify(this.#now(this.pool.keyStats(acquire.key)))
    this.model.verdict.expect(7, before === after, () => `a second release turned ${before} into ${after}`)
  }

  #drain(name: string, deadline: number | undefined): void {
    const { model } = this
    const units = [...model.key(name).units]
    if (!model.calm) model.blurred = true
    for (const unit of units) {
      if (unit.phase === "connecting") unit.givenUpAt = Math.min(unit.givenUpAt, model.now())
      else model.condemn(unit, "its key was drained")
      unit.forceAt = Math.min(unit.forceAt, model.now() + (deadline ?? this.setup.shutdownMs))
    }
    model.draining.set(name, (model.draining.get(name) ?? 0) + 1)
    this.#drains.push({ key: name, fiber: this.place.fork(this.pool.drain(name, deadline)), units })
  }

  #checkDrains(): void {
    const { model } = this
    for (const [index, { key, fiber, units }] of this.#drains.entries()) {
      const left = units.filter((unit) => unit.phase !== "closed" && model.counts(unit))
      const ended = fiber.unsafePoll() !== null
      if (!ended) {
        model.verdict.expect(12, left.length > 0, () => `draining ${key} goes on although all are closed`)
        continue
      }
      const early = left.find((unit) => unit.phase !== "connecting")
      model.verdict.expect(4, early === undefined, () => `draining ${key} ended before unit ${early?.id} was closed`)
      this.#drains.splice(index, 1)
      const others = (model.draining.get(key) ?? 1) - 1
      if (others === 0) model.draining.delete(key)
      else model.draining.set(key, others)
      return
    }
  }

  /** Everybody gives back what he holds, and nobody waits any longer. */
  *#letGo(): Generator<Wait, void, void> {
    const { model } = this
    for (let round = 0; round < 4; round++) {
      for (const acquire of this.#lingering.splice(0)) acquire.resume?.(Effect.void)
      for (const acquire of model.acquires) {
        if (acquire.state === "holding") acquire.resume?.(Effect.void)
        else if (acquire.state === "waiting" && !acquire.cancelled) {
          for (const other of model.acquires) if (other.fiber === acquire.fiber) other.cancelled = true
          acquire.fiber?.unsafeInterruptAsFork(FiberId.none)
        }
      }
      yield "rest"
    }
  }

  #name(key: number): string {
    return keyName(key % this.setup.keys)
  }

  /** Runs what needs neither time nor other fibers. */
  #now<A, E>(effect: Effect.Effect<A, E>): A {
    const exit = this.place.fork(effect).unsafePoll()
    if (exit === null) throw new Error("what should be known at once is waited for")
    return Exit.getOrElse(exit, (cause) => {
      throw new Error(`what should be known at once failed: ${String(cause)}`)
    })
  }
}

const at = <A>(all: ReadonlyArray<A>, pick: number): A | undefined => all[pick % Math.max(1, all.length)]
