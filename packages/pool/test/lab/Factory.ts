/**
 * A factory that knows what its pool may do, after the one in commons-pool's tests: every connect, close and probe
 * behaves as scripted, everything is counted, and whatever the pool must never do is recorded as a violation of the
 * law it breaks, at the moment it happens.
 */
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Cause from "effect/Cause"
import type * as Scope from "effect/Scope"
import type { Pool } from "@mooring/pool"
import { type Behaviour, type ConnectRefused, Freezer, perform } from "./Behaviour.js"
import { groupOf, type KeySetup, type Setup } from "./Setup.js"
import { CallerService, callerRef } from "./Stage.js"
import { type Thing, Unit } from "./Unit.js"
import type { Verdict } from "./Violation.js"

/** What the factory knows of a key. */
export class KeyRecord {
  /** Units that are not closed yet, the oldest first. */
  readonly units: Array<Unit> = []
  readonly connects: Array<Behaviour> = []
  readonly closes: Array<Behaviour> = []
  readonly probes: Array<Behaviour> = []
  opened = 0
  begun = 0
  connectFailures = 0
  closed = 0
  failedInRow = 0
  /** Its `max` before it was lowered, until all is at rest: an attempt may be on its way to begin. */
  maxBefore = 0
  /** Its `concurrency` before it was raised, until then. */
  concurrencyBefore = Number.POSITIVE_INFINITY
  /** It was given settings of its own. */
  resized = false
  /** What `config` says of it; what it is set up with may differ once it was resized. */
  configured: KeySetup
  /** The passes in which its settings were last changed, and in which it was last pinned no longer. */
  setIn = -1
  unpinnedIn = -1
  /** It was removed and nobody has used it since; when that was, and which acquires were refused on that account. */
  removed = false
  removedAt = Number.NaN
  removedBefore = 0
  /** How often something of it began to idle since all was last at rest. */
  idled = 0
  /** Failed attempts in a row that were forgotten since all was last at rest. */
  failedBefore = 0
  lastFailureAt = Number.NEGATIVE_INFINITY
  /** When the next attempt may begin at the earliest is the pool's choice; this is when it must have, at the latest. */
  resumeBy = Number.NEGATIVE_INFINITY

  constructor(
    readonly name: string,
    public setup: KeySetup
  ) {
    this.configured = setup
  }

  /** Units that count against the limits of the pool: neither closed nor abandoned. */
  counted(now: number): number {
    let count = 0
    for (const unit of this.units) if (!isAbandoned(unit, this.setup, now)) count += 1
    return count
  }

  /** Those of them that count against the key's own `max`. */
  within(now: number): number {
    let count = 0
    for (const unit of this.units) if (!unit.superseded && !isAbandoned(unit, this.setup, now)) count += 1
    return count
  }

  /** All is at rest: what was uncertain until then is known. */
  settled(): void {
    for (const unit of this.units) unit.superseded &&= unit.phase === "open" && unit.holders.size > 0
    this.maxBefore = 0
    this.failedBefore = 0
    this.idled = 0
    this.concurrencyBefore = Number.POSITIVE_INFINITY
  }

  /** Attempts in flight. Those that have outlasted their deadline are being given up. */
  connecting(now: number): number {
    let count = 0
    for (const unit of this.units) {
      const due = Math.min(unit.givenUpAt, unit.since + this.setup.connectMs)
      if (unit.phase === "connecting" && now < due) count += 1
    }
    return count
  }
}

/**
 * When the pool stops to count an attempt that does not end. At its deadline, or where it is given up before, it is
 * interrupted, and has then as long to clean up as any item has to close.
 */
const abandonedAt = (unit: Unit, setup: KeySetup): number =>
  Math.min(unit.givenUpAt, unit.since + setup.connectMs) + setup.closeMs

/** Whether a unit has outlasted the deadline of its phase, so that the pool no longer counts it. */
export const isAbandoned = (unit: Unit, setup: KeySetup, now: number): boolean =>
  unit.late ||
  (unit.phase === "connecting" && now >= abandonedAt(unit, setup)) ||
  (unit.phase === "closing" && now >= unit.since + setup.closeMs)

export class Factory {
  readonly keys = new Map<string, KeyRecord>()
  readonly units: Array<Unit> = []
  readonly freezer = new Freezer()
  /** Units that closed at their deadline. */
  ties = 0
  /** Called when a unit starts to close, before anything else. */
  onClose: (unit: Unit) => void = () => {}
  /** Called when an attempt begins. */
  onConnect: (unit: Unit, key: KeyRecord) => void = () => {}
  /** Called when an attempt ends, before the pool knows. */
  onConnected: (unit: Unit, key: KeyRecord, exit: Exit.Exit<unknown, unknown>) => void = () => {}
  /** How many acquires have begun. */
  acquiresBegun: () => number = () => 0

  constructor(
    readonly setup: Setup,
    readonly verdict: Verdict,
    readonly now: () => number
  ) {}

  key(name: string): KeyRecord {
    let record = this.keys.get(name)
    if (record === undefined) {
      record = new KeyRecord(name, this.setup.key)
      this.keys.set(name, record)
    }
    return record
  }

  unitOf(thing: Thing): Unit {
    const unit = this.units[thing.unit]
    if (unit === undefined) throw new Error(`the pool handed out something that was never made: ${thing.unit}`)
    return unit
  }

  /** The `acquire` of `Pool.make`. */
  readonly acquire = (name: string, handle: Pool.ItemHandle): Effect.Effect<Thing, ConnectRefused, Scope.Scope> =>
    Effect.suspend(() => {
      const key = this.key(name)
      const unit = this.#begin(key, handle)
      const behaviour = key.connects.shift() ?? { takes: this.setup.connectTakesMs, end: "ok" as const }
      return this.#unseen("connect").pipe(
        Effect.zipRight(Effect.addFinalizer(() => this.#close(unit, key))),
        Effect.zipRight(perform(behaviour, this.freezer, unit)),
        Effect.onExit((exit) => Effect.sync(() => this.#connected(unit, key, exit))),
        Effect.as(unit.thing)
      )
    })

  /** The `isOpen` of `Pool.make`. */
  readonly isOpen = (thing: Thing): boolean => {
    const unit = this.unitOf(thing)
    unit.asked += 1
    return unit.alive
  }

  /** The `probe` of a health check. */
  readonly probe = (thing: Thing): Effect.Effect<void, ConnectRefused> =>
    Effect.suspend(() => {
      const unit = this.unitOf(thing)
      const key = this.key(thing.key)
      const behaviour = key.probes.shift() ?? { takes: 0, end: "ok" as const }
      const sure = this.now() - unit.answeredAt
      this.verdict.expect(
        20,
        !this.setup.validates || sure > key.setup.bypassMs,
        () => `unit ${unit.id} is checked although it answered ${sure} ms ago`
      )
      unit.probeDue = this.now() + this.setup.probeTimeoutMs
      return this.#unseen("probe").pipe(
        Effect.zipRight(perform(behaviour, this.freezer, unit)),
        Effect.tap(() =>
          Effect.sync(() => {
            unit.answeredAt = this.now()
            unit.heardAt = this.now()
          })
        ),
        Effect.onExit((exit) =>
          Effect.sync(() => {
            unit.probeDue = Number.POSITIVE_INFINITY
            if (this.setup.validates && exit._tag === "Failure") unit.condemned ??= "failed its probe"
          })
        )
      )
    })

  /** Notes which attempts and probes have outlasted their time without ending: for the pool they failed there. */
  tick(): void {
    const now = this.now()
    for (const key of this.keys.values()) {
      for (const unit of key.units) {
        if (unit.phase === "connecting" && now >= unit.since + key.setup.connectMs) this.#overdue(unit, key)
        if (isAbandoned(unit, key.setup, now)) unit.late = true
        if (now >= unit.probeDue) {
          unit.probeDue = Number.POSITIVE_INFINITY
          unit.condemned ??= "outlasted its probe"
        }
      }
    }
  }

  /** Every connect counts itself in, and refuses to be one too many. */
  #begin(key: KeyRecord, handle: Pool.ItemHandle): Unit {
    this.tick()
    const now = this.now()
    const unit = new Unit(this.units.length, key.name, handle, now, key.setup.concurrency, this.acquiresBegun())
    const { setup } = this
    this.verdict.expect(
      1,
      key.within(now) < Math.max(key.setup.max, key.maxBefore),
      () => `${key.name} opens one more than its max`
    )
    let total = 0
    let group = 0
    let weight = key.setup.connectWeight
    for (const other of this.keys.values()) {
      const counted = other.counted(now)
      total += counted
      if (groupOf(other.name) === groupOf(key.name)) group += counted
      weight += other.connecting(now) * other.setup.connectWeight
    }
    this.verdict.expect(1, total < setup.maxTotal, () => `${key.name} opens one more than maxTotal`)
    this.verdict.expect(1, setup.quota === 0 || group < setup.quota, () => `${key.name} opens one over its quota`)
    this.verdict.expect(
      21,
      key.connecting(now) < key.setup.maxConnecting,
      () => `${key.name} has more than ${key.setup.maxConnecting} attempts in flight`
    )
    this.verdict.expect(
      21,
      weight <= Math.max(setup.maxConnecting, key.setup.connectWeight),
      () => `attempts of weight ${weight} are in flight`
    )
    this.units.push(unit)
    key.units.push(unit)
    key.begun += 1
    this.onConnect(unit, key)
    return unit
  }

  #connected(unit: Unit, key: KeyRecord, exit: Exit.Exit<unknown, unknown>): void {
    const now = this.now()
    if (now > unit.since + key.setup.connectMs) this.#overdue(unit, key)
    if (now > abandonedAt(unit, key.setup)) unit.late = true
    if (unit.overdue || unit.givenUpAt <= now) {
      unit.condemned = "nobody waits for it any more"
      return
    }
    this.onConnected(unit, key, exit)
    if (exit._tag === "Success") {
      unit.phase = "open"
      unit.since = now
      unit.connectedAt = now
      unit.idleSince = now
      unit.answeredAt = now
      unit.heardAt = now
      key.opened += 1
      key.failedInRow = 0
      return
    }
    unit.failed = true
    unit.condemned = "it never opened"
    // An attempt that the pool gave up before its deadline, when its key was drained, says nothing of the server.
    const givenUp = Cause.isInterruptedOnly(exit.cause) && now < unit.since + key.setup.connectMs
    if (!givenUp) this.#failed(key, now)
  }

  /** For the pool an attempt fails at its deadline, whatever comes of it later. */
  #overdue(unit: Unit, key: KeyRecord): void {
    if (unit.overdue || unit.givenUpAt < unit.since + key.setup.connectMs) return
    unit.overdue = true
    this.#failed(key, unit.since + key.setup.connectMs)
  }

  #failed(key: KeyRecord, at: number): void {
    const { backoffBaseMs, backoffMaxMs, breakerThreshold, breakerOpenMs } = key.setup
    key.connectFailures += 1
    key.failedInRow += 1
    key.lastFailureAt = at
    const pause = Math.min(backoffMaxMs, backoffBaseMs * 2 ** (key.failedInRow - 1))
    key.resumeBy = at + (key.failedInRow >= breakerThreshold ? Math.max(breakerOpenMs, pause) : pause)
  }

  #close(unit: Unit, key: KeyRecord): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.onClose(unit)
      unit.finalized += 1
      this.verdict.expect(5, unit.finalized === 1, () => `the finalizer of unit ${unit.id} ran ${unit.finalized} times`)
      // What is given up while it connects has been closing since then.
      const given = Math.min(unit.givenUpAt, unit.since + key.setup.connectMs)
      unit.since = unit.phase === "connecting" ? Math.min(given, this.now()) : this.now()
      unit.phase = "closing"
      const behaviour = key.closes.shift() ?? { takes: this.setup.closeTakesMs, end: "ok" as const }
      return this.#unseen("close").pipe(
        Effect.zipRight(perform(behaviour, this.freezer, unit)),
        Effect.orDie,
        Effect.ensuring(
          Effect.sync(() => {
            if (this.now() > unit.since + key.setup.closeMs) unit.late = true
            // Who ends in the very moment of his deadline may be abandoned or not.
            if (this.now() === unit.since + key.setup.closeMs && !unit.late) this.ties += 1
            unit.phase = "closed"
            unit.since = this.now()
            key.closed += 1
            const index = key.units.indexOf(unit)
            if (index >= 0) key.units.splice(index, 1)
          })
        )
      )
    })
  }

  /** Whether anything of a caller can be seen where only the pool should be. */
  #unseen(where: string): Effect.Effect<void> {
    return Effect.withFiberRuntime<void>((fiber) => {
      const context = fiber.currentContext
      this.verdict.expect(8, fiber.getFiberRef(callerRef) === 0, () => `a caller's FiberRef is seen in a ${where}`)
      this.verdict.expect(
        8,
        !context.unsafeMap.has(CallerService.key),
        () => `a caller's service is seen in a ${where}`
      )
      this.verdict.expect(8, fiber.currentSpan === undefined, () => `a caller's span is seen in a ${where}`)
      return Effect.void
    })
  }
}
