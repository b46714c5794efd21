/**
 * The reference model: who waits, who holds what, and what has been said to the pool, kept from outside. Whatever a
 * caller can see at the moment it happens is judged here; what must hold when everything is at rest, in `Safety.ts`,
 * `Liveness.ts` and `Numbers.ts`.
 */
import * as Cause from "effect/Cause"
import type * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import { PoolError, type Lease } from "@mooring/pool"
import { Acquire, type How } from "./Acquire.js"
import { ConnectRefused, type Freezer, ScriptedDefect } from "./Behaviour.js"
import { Factory, isAbandoned, type KeyRecord } from "./Factory.js"
import { checkKept } from "./Keeping.js"
import { groupOf, type Setup } from "./Setup.js"
import type { Thing, Unit } from "./Unit.js"
import { Verdict } from "./Violation.js"

/** What acquires have come to, over all keys. */
export interface Tally {
  started: number
  immediate: number
  waited: number
  failed: number
  cancelled: number
  released: number
}

export class Model {
  readonly verdict: Verdict
  readonly factory: Factory
  readonly freezer: Freezer
  readonly acquires: Array<Acquire> = []
  /** Per key, in the order of arrival; those that no longer wait are taken out at rest. */
  readonly queues = new Map<string, Array<Acquire>>()
  readonly holding = new Set<Acquire>()
  readonly tally: Tally = { started: 0, immediate: 0, waited: 0, failed: 0, cancelled: 0, released: 0 }
  readonly suspended = new Set<string>()
  suspendedAll = false
  /** The pass in which something was last suspended. */
  suspendedIn = -1
  /** Keys of which `min` is kept, where that is more than none. */
  readonly pinned = new Set<string>()
  /** Keys that were ever warmed. */
  readonly warmed = new Set<string>()
  /** Keys that are being drained, and how often. */
  readonly draining = new Map<string, number>()
  /** Keys to which something came back in this pass. */
  readonly returnedTo = new Set<string>()
  /** The number of the present pass, from rest to rest. */
  pass = 0
  /** Attempts may have been given up before they reached the factory, so that it cannot count them. */
  blurred = false
  /** Nothing has been set off since all was last at rest. */
  calm = true
  closedAt = Number.POSITIVE_INFINITY
  /** Per key: acquires before this one must not wait any longer, because an attempt failed for good. */
  readonly fatalBefore = new Map<string, number>()
  readonly revocations: Array<Acquire> = []
  /** Everything that callers saw, in order, for runs that must come out the same. */
  readonly trace: Array<string> = []

  constructor(
    readonly setup: Setup,
    readonly now: () => number
  ) {
    this.verdict = new Verdict(now)
    this.factory = new Factory(setup, this.verdict, now)
    this.freezer = this.factory.freezer
    this.factory.acquiresBegun = () => this.acquires.length
    this.factory.onClose = (unit) => this.#closing(unit)
    this.factory.onConnect = (unit, key) => this.#connecting(unit, key)
    this.factory.onConnected = (unit, key, exit) => this.#connected(unit, key, exit)
  }

  key(name: string): KeyRecord {
    return this.factory.key(name)
  }

  queue(name: string): Array<Acquire> {
    let queue = this.queues.get(name)
    if (queue === undefined) {
      queue = []
      this.queues.set(name, queue)
    }
    return queue
  }

  isSuspended(name: string): boolean {
    return this.suspendedAll || this.suspended.has(name)
  }

  get closed(): boolean {
    return this.now() >= this.closedAt
  }

  /** Acquires of the key that wait now. */
  waiting(name: string): number {
    let count = 0
    for (const acquire of this.queue(name)) if (acquire.state === "waiting") count += 1
    return count
  }

  /** Items that may be kept, one each for those who wait for a whole one. */
  kept(name: string): number {
    return this.queue(name).filter((acquire) => acquire.exclusive && acquire.state === "waiting").length
  }

  /** An acquire is about to begin. */
  begin(name: string, how: How): Acquire {
    const { acquireMs, connectMs } = this.key(name).setup
    const now = this.now()
    const id = this.acquires.length
    const acquire = new Acquire(id, name, how, now, now + acquireMs, now + Math.max(acquireMs, connectMs))
    acquire.calm = this.calm
    // A free slot may have to be checked before it is lent.
    acquire.mayWait = !this.calm || this.hasFree(acquire, false) || this.#mayWait(this.key(name))
    this.calm = false
    this.key(name).removed = false
    this.acquires.push(acquire)
    this.queue(name).push(acquire)
    this.tally.started += 1
    return acquire
  }

  granted(acquire: Acquire, thing: Thing, lease: Lease.Lease<Thing> | undefined): void {
    const now = this.now()
    const { verdict } = this
    const unit = this.factory.unitOf(thing)
    const what = (says: string) => () =>
      `acquire ${acquire.id} (${acquire.how} ${acquire.key}) got unit ${unit.id}, ${says}`
    const { lifetimeMs, bypassMs } = this.key(unit.key).setup
    verdict.expect(8, unit.key === acquire.key, what(`which belongs to ${unit.key}`))
    // Who waited may have been given his share just before this was said, and runs only now.
    const known = (pass: number) => !acquire.called || pass < this.pass
    const gone = unit.condemned !== undefined && known(unit.condemnedIn)
    verdict.expect(4, !gone, what(`which must go: ${unit.condemned}`))
    verdict.expect(9, !gone, what(`which must go: ${unit.condemned}`))
    verdict.expect(9, unit.phase === "open" || !known(unit.condemnedIn), what(`which is ${unit.phase}`))
    verdict.expect(9, unit.alive || !known(unit.diedIn), what("which is not open"))
    unit.mustHaveAsked += 1
    verdict.expect(9, unit.asked >= unit.mustHaveAsked, what("without asking isOpen"))
    verdict.expect(9, lifetimeMs === 0 || now <= unit.connectedAt + lifetimeMs, what("which is past its lifetime"))
    const suspended = this.isSuspended(acquire.key) && known(this.suspendedIn)
    verdict.expect(9, !suspended, what("while the key is suspended"))
    verdict.expect(27, !this.closed, what("after the pool was closed"))
    verdict.expect(14, now <= acquire.latestDeadline, what(`after its deadline at ${acquire.deadline}`))
    verdict.expect(3, !unit.exclusivelyHeld, what("which somebody holds for himself"))
    verdict.expect(3, !acquire.exclusive || unit.holders.size === 0, what("whole, but others hold it too"))
    verdict.expect(2, unit.holders.size < unit.concurrency, what(`which has ${unit.holders.size} leases already`))
    if (this.setup.validates) {
      verdict.expect(20, now - unit.heardAt <= bypassMs, what(`which has not answered since ${unit.heardAt}`))
    }
    unit.holders.add(acquire)
    acquire.unit = unit
    acquire.lease = lease
    acquire.state = "holding"
    acquire.grantedAt = now
    acquire.grantedIn = this.pass
    this.holding.add(acquire)
    if (acquire.called) this.tally.waited += 1
    this.trace.push(`${now} ${acquire.id} got ${unit.id}`)
  }

  /** The call that began the acquire has returned: it has its share, or waits. */
  begun(acquire: Acquire): void {
    acquire.called = true
    if (!Number.isNaN(acquire.grantedAt)) this.tally.immediate += 1
  }

  /** The caller is about to give its share back. */
  returns(acquire: Acquire): void {
    if (acquire.returned) return
    acquire.returned = true
    this.holding.delete(acquire)
    const unit = acquire.unit
    if (unit === undefined) return
    if (!acquire.revoked) this.tally.released += 1
    if (!unit.holders.delete(acquire)) return
    if (acquire.discards) this.condemn(unit, "a borrower discarded it")
    if (!unit.alive) this.condemn(unit, "it was not open when it came back")
    if (unit.condemned === undefined && !unit.maybeCondemned && !this.closed) unit.mustHaveAsked += 1
    this.returnedTo.add(unit.key)
    unit.heardAt = this.now()
    if (unit.holders.size > 0) return
    unit.idleSince = this.now()
    this.idles(unit)
  }

  ended(acquire: Acquire, exit: Exit.Exit<unknown, unknown>): void {
    const waited = acquire.state === "waiting"
    this.returns(acquire)
    acquire.state = "done"
    acquire.exit = exit
    acquire.endedAt = this.now()
    if (exit._tag === "Success") {
      this.verdict.expect(14, !waited, () => `acquire ${acquire.id} ended well without a lease`)
      return
    }
    const failure = Cause.failureOption(exit.cause)
    const name = waited ? Option.match(failure, { onNone: () => "interrupted", onSome: tagOf }) : "after use"
    this.trace.push(`${acquire.endedAt} ${acquire.id} ${name}`)
    if (Option.isSome(failure)) {
      if (waited) {
        this.tally.failed += 1
        this.#refused(acquire, failure.value)
      }
      return
    }
    const defect = Option.getOrUndefined(Cause.dieOption(exit.cause))
    if (waited && defect instanceof ScriptedDefect) {
      this.tally.failed += 1
      this.#told(acquire, this.factory.units[defect.unit], defect.key)
      return
    }
    // What he borrowed inside may have failed, and ended him.
    if (defect instanceof ScriptedDefect) return
    const law = waited ? 14 : 6
    this.verdict.expect(
      law,
      Cause.isInterruptedOnly(exit.cause),
      () => `acquire ${acquire.id} died: ${String(exit.cause)}`
    )
    this.verdict.expect(law, acquire.cancelled, () => `acquire ${acquire.id} was interrupted by the pool`)
    if (waited) this.tally.cancelled += 1
  }

  /** Whether an error that ended an acquire was the right one, at the right time. */
  #refused(acquire: Acquire, error: unknown): void {
    this.factory.tick()
    const now = this.now()
    const { verdict } = this
    const key = this.key(acquire.key)
    const at = (says: string) => () =>
      `acquire ${acquire.id} of ${acquire.key} (begun at ${acquire.startedAt}): ${says}`
    const onTime = now === acquire.deadline || now === acquire.latestDeadline
    if (error instanceof PoolError.AcquireTimeout) {
      verdict.expect(14, onTime, at(`timed out at ${now} instead of ${acquire.deadline}`))
      verdict.expect(14, error.timeoutMs === now - acquire.startedAt, at(`says it waited ${error.timeoutMs} ms`))
      verdict.expect(14, !this.isSuspended(acquire.key), at("timed out although the key is suspended"))
      // What fails in the very moment in which the wait ends may or may not be told.
      const failedMeanwhile = key.lastFailureAt >= acquire.startedAt && key.failedInRow > 0 && key.lastFailureAt < now
      verdict.expect(23, !failedMeanwhile || error.cause !== undefined, at("does not carry the failure it waited out"))
      verdict.expect(
        23,
        key.lastFailureAt >= acquire.startedAt || key.failedBefore > 0 || error.cause === undefined,
        at("carries an old failure")
      )
    } else if (error instanceof PoolError.PoolSuspended) {
      verdict.expect(14, onTime, at(`failed as suspended at ${now} instead of ${acquire.deadline}`))
      verdict.expect(14, this.isSuspended(acquire.key), at("failed as suspended, which the key is not"))
    } else if (error instanceof PoolError.PoolSaturated) {
      verdict.expect(15, now === acquire.startedAt, at("overflowed late"))
      verdict.expect(15, this.waiting(acquire.key) >= key.setup.maxWaiters, at("overflowed while the queue had room"))
      const unknown = !acquire.calm || this.isSuspended(acquire.key)
      verdict.expect(15, unknown || !this.hasFree(acquire), at("overflowed beside a free slot"))
      verdict.expect(15, unknown || !this.hasRoom(key), at("overflowed with room to grow"))
    } else if (error instanceof PoolError.PoolClosed) {
      verdict.expect(27, this.closed, at("failed as closed, which the pool is not"))
    } else if (error instanceof PoolError.CircuitOpen) {
      verdict.expect(
        26,
        Math.max(key.failedInRow, key.failedBefore) >= key.setup.breakerThreshold,
        at(`circuit open after ${key.failedInRow} failures`)
      )
      verdict.expect(23, error.cause !== undefined, at("does not carry the last failure"))
      const longest = Math.max(key.setup.breakerOpenMs, key.setup.backoffMaxMs)
      verdict.expect(
        22,
        error.retryAfterMs >= 0 && error.retryAfterMs <= longest,
        at(`retry after ${error.retryAfterMs}`)
      )
    } else if (error instanceof PoolError.UnknownKey) {
      const removed = acquire.id < key.removedBefore && key.removedAt === now
      verdict.expect(14, removed, at("was told that its key is unknown, which it is not"))
    } else if (error instanceof ConnectRefused) {
      verdict.expect(23, !error.retryable, at("was given an error that can be tried again"))
      this.#told(acquire, this.factory.units[error.unit], error.key)
    } else {
      verdict.broken(14, at(`failed with ${tagOf(error)}`)())
    }
  }

  /** A failure that cannot be retried is for those who were there when the attempt began, and nobody else. */
  #told(acquire: Acquire, attempt: Unit | undefined, key: string): void {
    const { verdict } = this
    verdict.expect(
      8,
      key === acquire.key,
      () => `acquire ${acquire.id} of ${acquire.key} was given a failure of ${key}`
    )
    const present = attempt !== undefined && acquire.id < attempt.after
    verdict.expect(
      23,
      present,
      () => `acquire ${acquire.id} was given a failure of attempt ${attempt?.id}, which began before`
    )
  }

  /** Whether a slot is free that this acquire could take, for sure or perhaps. */
  hasFree(acquire: Acquire, surely: boolean = true): boolean {
    // Who waits for a whole item has one kept for him.
    const ahead = this.queue(acquire.key)
    let kept = ahead.filter((other) => other.exclusive && other.state === "waiting" && other.id < acquire.id).length
    for (const unit of this.key(acquire.key).units) {
      const fit = surely ? unit.usable : unit.phase === "open" && unit.alive && unit.condemned === undefined
      if (
        !fit ||
        unit.holders.size >= (surely ? unit.leastConcurrency : unit.concurrency) ||
        unit.exclusivelyHeld ||
        (surely && unit.probing > 0)
      )
        continue
      if (acquire.exclusive && unit.holders.size > 0) continue
      if (kept === 0) return true
      kept -= 1
    }
    return false
  }

  /** Whether one more acquire may join the queue: it has room, or an attempt is, or may be, made for it. */
  #mayWait(key: KeyRecord): boolean {
    const { maxWaiters, concurrency, max } = key.setup
    const now = this.now()
    // Who waits for the check of an item that he has been given is not in the queue.
    const checking = key.units.reduce((sum, unit) => sum + unit.probing, 0)
    if (this.waiting(key.name) < maxWaiters + checking + key.connecting(now) * concurrency) return true
    return key.within(now) < max && !this.isSuspended(key.name)
  }

  /** Whether one more attempt could begin now, as far as limits go. */
  hasRoom(key: KeyRecord): boolean {
    const now = this.now()
    if (key.failedInRow > 0 && now < key.resumeBy) return false
    if (key.failedInRow >= key.setup.breakerThreshold) return false
    if (key.within(now) >= key.setup.max || key.connecting(now) >= key.setup.maxConnecting) return false
    let total = 0
    let group = 0
    let weight = key.setup.connectWeight
    for (const other of this.factory.keys.values()) {
      const counted = other.counted(now)
      total += counted
      if (groupOf(other.name) === groupOf(key.name)) group += counted
      weight += other.connecting(now) * other.setup.connectWeight
    }
    if (total >= this.setup.maxTotal || weight > this.setup.maxConnecting) return false
    return this.setup.quota === 0 || group < this.setup.quota
  }

  /** A unit that did not idle does. */
  idles(unit: Unit): void {
    unit.idleIn = this.pass
    this.key(unit.key).idled += 1
  }

  /** All is at rest, and will be looked at. */
  settled(): void {
    this.factory.tick()
    for (const key of this.factory.keys.values()) key.settled()
  }

  /** All was looked at. */
  nextPass(): void {
    this.returnedTo.clear()
    this.calm = true
    this.pass += 1
  }

  /** No new lease may be given on a unit from now on. */
  condemn(unit: Unit, why: string): void {
    if (unit.condemned !== undefined) return
    unit.condemned = why
    unit.condemnedIn = this.pass
  }

  #connecting(unit: Unit, key: KeyRecord): void {
    this.verdict.expect(27, !this.closed, () => `unit ${unit.id} of ${key.name} is opened after the pool was closed`)
    // Attempts that were decided on together begin one after the other; the first may have failed by then.
    const open = key.failedInRow >= key.setup.breakerThreshold && key.lastFailureAt < this.now()
    this.verdict.expect(21, !open || key.connecting(this.now()) === 1, () => `${key.name} tries twice while half open`)
    const warm = this.pinned.has(key.name) || this.warmed.has(key.name) || key.unpinnedIn === this.pass
    if (warm || key.setup.lifetimeMs > 0) return
    const concurrency = Math.min(key.setup.concurrency, key.concurrencyBefore)
    let demand = 0
    for (const other of this.queue(key.name)) {
      // Those that left in this very pass may still have been there when the pool decided.
      const there = other.state === "waiting" || other.endedAt === this.now() || other.grantedAt === this.now()
      if (there) demand += other.exclusive ? concurrency : 1
    }
    const needed = Math.ceil(demand / concurrency)
    this.verdict.expect(
      21,
      key.connecting(this.now()) <= needed,
      () => `${key.name} has ${key.connecting(this.now())} attempts in flight where ${needed} would do`
    )
  }

  #connected(unit: Unit, key: KeyRecord, exit: Exit.Exit<unknown, unknown>): void {
    if (exit._tag === "Success") {
      this.idles(unit)
      return
    }
    const failure = Option.getOrUndefined(Cause.failureOption(exit.cause))
    const died = Option.getOrUndefined(Cause.dieOption(exit.cause)) instanceof ScriptedDefect
    const fatal = died || (failure instanceof ConnectRefused && !failure.retryable)
    if (fatal) this.fatalBefore.set(key.name, unit.after)
    if (!Cause.isInterruptedOnly(exit.cause)) return
    const due = this.now() >= unit.since + key.setup.connectMs || this.closed || this.draining.has(key.name)
    this.verdict.expect(24, due, () => `the attempt for unit ${unit.id} of ${key.name} was interrupted`)
  }

  #closing(unit: Unit): void {
    const now = this.now()
    this.trace.push(`${now} closes ${unit.id}`)
    if (unit.holders.size === 0) return checkKept(this, unit)
    const forced = now >= unit.forceAt || now >= this.closedAt + this.setup.shutdownMs
    this.verdict.expect(6, forced, () => `unit ${unit.id} is closed while ${unit.holders.size} hold it`)
    for (const acquire of this.holding) {
      if (acquire.unit !== unit) continue
      acquire.revoked = true
      this.revocations.push(acquire)
    }
    unit.holders.clear()
  }

  /** Whether a unit still counts against the limits. */
  counts(unit: Unit): boolean {
    return !isAbandoned(unit, this.key(unit.key).setup, this.now())
  }
}

const tagOf = (error: unknown): string =>
  typeof error === "object" && error !== null && "_tag" in error ? String(error._tag) : String(error)
