/**
 * The keys of a pool: made by their first use with the settings that the configuration gives them, pinned and resized
 * on request, trimmed as their items go idle, and dropped when nothing is left of them. Nobody waits here; the engine
 * hands items out.
 */
import * as Either from "effect/Either"
import type { Deadlines } from "../Deadlines.js"
import * as Config from "../PoolConfig.js"
import { PoolConfigError, UnknownKey } from "../PoolError.js"
import type { CloseReason } from "../PoolEvent.js"
import type { KeyStats, PoolStats } from "../PoolStats.js"
import type { Capacity } from "./Capacity.js"
import * as Circuit from "./Circuit.js"
import type { Item } from "./Item.js"
import { Counters, KeyState } from "./KeyState.js"
import { KeyTable } from "./KeyTable.js"

export interface KeysOptions<K> {
  readonly config: (key: K) => Config.PoolConfig | undefined
  readonly groupOf: (key: K) => string | undefined
  readonly describeKey: (key: K) => string
  /** Whether keys are known to watch for leaks before the first of them is used. */
  readonly watchesLeaks: boolean
  readonly maxTotal: number
}

export interface KeysHost<K, A, E> {
  readonly pump: (key: KeyState<K, A, E>) => void
  readonly relieve: () => void
  readonly retire: (item: Item<K, A, E>, reason: CloseReason, detail: string) => void
  readonly isClosing: () => boolean
  readonly isSuspended: (key: KeyState<K, A, E>) => boolean
}

export class Keys<in out K, in out A, in out E> {
  private readonly table = new KeyTable<K, KeyState<K, A, E>>()
  /** What was counted for keys that are no longer there. */
  private readonly gone = new Counters()
  private goneImmediate = 0
  /** Keys with one configuration share what it resolves to: less memory, and fewer cache misses on a borrow. */
  private readonly resolved = new WeakMap<Config.PoolConfig, Config.ResolvedConfig>()
  private pinnedMin = 0
  private readonly due = {
    sweep: (key: KeyState<K, A, E>) => {
      key.sweepAt = -1
      this.sweep(key)
    },
    retry: (key: KeyState<K, A, E>) => {
      this.host.pump(key)
      this.host.relieve()
    }
  }
  /** Some key watches for leaks: where a lease is taken has to be remembered. */
  watchesLeaks: boolean

  constructor(
    private readonly options: KeysOptions<K>,
    private readonly deadlines: Deadlines,
    private readonly capacity: Capacity<K, A, E>,
    private readonly host: KeysHost<K, A, E>
  ) {
    this.watchesLeaks = options.watchesLeaks
  }

  get(key: K): KeyState<K, A, E> | undefined {
    return this.table.get(key)
  }

  all(): Array<KeyState<K, A, E>> {
    return [...this.table.values()]
  }

  getOrMake(key: K): Either.Either<KeyState<K, A, E>, PoolConfigError | UnknownKey> {
    const known = this.table.get(key)
    if (known !== undefined) return known.removed ? this.revive(known) : Either.right(known)
    const name = this.options.describeKey(key)
    return Either.map(this.configOf(key, name), (config) => {
      const group = this.capacity.join(this.options.groupOf(key))
      const made = new KeyState<K, A, E>(key, name, config, group, this.due)
      this.noteConfig(config)
      this.table.add(made)
      return made
    })
  }

  /** A key that was removed, and still has items, is used again. */
  private revive(state: KeyState<K, A, E>): Either.Either<KeyState<K, A, E>, PoolConfigError | UnknownKey> {
    return Either.map(this.configOf(state.key, state.name), (config) => {
      state.removed = false
      state.config = config
      this.noteConfig(config)
      return state
    })
  }

  /** What the configuration gives for a key now. */
  configOf(key: K, name: string): Either.Either<Config.ResolvedConfig, PoolConfigError | UnknownKey> {
    try {
      const config = this.options.config(key)
      if (config === undefined) return Either.left(new UnknownKey({ key: name }))
      const known = this.resolved.get(config)
      if (known !== undefined) return Either.right(known)
      return Either.map(Config.resolve(config, name), (resolved) => {
        this.resolved.set(config, resolved)
        return resolved
      })
    } catch (error) {
      const reason = `could not be made: ${String(error)}`
      return Either.left(new PoolConfigError({ key: name, field: "config", reason }))
    }
  }

  private noteConfig(config: Config.ResolvedConfig): void {
    if (config.leakThreshold !== Infinity) this.watchesLeaks = true
  }

  /** From now on `min` items of the key are kept. */
  pin(key: KeyState<K, A, E>): PoolConfigError | undefined {
    if (key.pinned || key.config.min === 0) return undefined
    const error = this.reserveMin(key.name, key.config.min)
    if (error === undefined) key.pinned = true
    return error
  }

  /** Whether pinned keys may have this many items more; they are reserved if so. */
  reserveMin(name: string, more: number): PoolConfigError | undefined {
    const sum = this.pinnedMin + more
    if (sum > this.options.maxTotal) {
      const reason = `of all pinned keys must not be above maxTotal (${this.options.maxTotal}); it would be ${sum}`
      return new PoolConfigError({ key: name, field: "min", reason })
    }
    this.pinnedMin = sum
    return undefined
  }

  resize(key: K, config: Config.PoolConfig): Either.Either<void, PoolConfigError | UnknownKey> {
    const resolved = Config.resolve(config, this.options.describeKey(key))
    if (Either.isLeft(resolved)) return Either.left(resolved.left)
    const found = this.getOrMake(key)
    if (Either.isLeft(found)) return Either.left(found.left)
    const state = found.right
    const error = state.pinned ? this.reserveMin(state.name, resolved.right.min - state.config.min) : undefined
    if (error !== undefined) return Either.left(error)
    state.resized = true
    this.configure(state, resolved.right)
    return Either.right(undefined)
  }

  /** Gives a key other settings. Its `min` has been reserved if it is pinned. */
  configure(state: KeyState<K, A, E>, config: Config.ResolvedConfig): void {
    state.config = config
    this.noteConfig(config)
    for (const item of state.items) {
      if (!item.ownConcurrency) item.concurrency = config.concurrency
      state.place(item)
    }
    this.shedBusy(state)
    // It looks at what idles, too.
    this.host.pump(state)
    this.host.relieve()
  }

  /** After `max` was lowered: the least loaded items go, idle ones now and busy ones when they come back. */
  private shedBusy(key: KeyState<K, A, E>): void {
    const serving = [...key.items].filter((item) => item.state === "ready").sort(leastNeeded)
    for (const item of serving) {
      if (key.live <= key.config.max) return
      this.host.retire(item, "surplus", lowered)
    }
  }

  /** An item has just gone idle. */
  wentIdle(key: KeyState<K, A, E>): void {
    this.trim(key)
    this.armSweep(key)
  }

  /** Closes idle items above `maxIdle`, and above a `max` that was lowered. */
  private trim(key: KeyState<K, A, E>): void {
    while (key.idle > key.config.maxIdle || key.live > key.config.max) {
      const oldest = key.oldestUnkept() ?? key.oldestIdle()
      if (oldest === undefined) return
      const why = key.idle > key.config.maxIdle ? "more items were idle than maxIdle allows" : lowered
      this.host.retire(oldest, "surplus", why)
    }
  }

  /** Looks again when the item that has been idle for longest is due. */
  private armSweep(key: KeyState<K, A, E>): void {
    const oldest = key.oldestUnkept()
    if (oldest === undefined || (key.pinned && key.ready <= key.config.min)) return
    this.sweepBy(key, oldest.idleSince + key.config.idleTimeToLive / 1e6)
  }

  /** `at` in milliseconds. */
  private sweepBy(key: KeyState<K, A, E>, at: number): void {
    if (at === Infinity || (key.sweepAt >= 0 && at >= key.sweepAt)) return
    key.sweepAt = Math.ceil(at)
    this.deadlines.add(key.sweep, key.sweepAt * 1e6)
  }

  private sweep(key: KeyState<K, A, E>): void {
    const now = this.deadlines.now()
    for (let oldest = key.oldestUnkept(); oldest !== undefined; oldest = key.oldestUnkept()) {
      if (oldest.idleSince * 1e6 + key.config.idleTimeToLive > now || (key.pinned && key.ready <= key.config.min)) break
      this.host.retire(oldest, "idle", "it was idle for longer than idleTimeToLive")
    }
    this.armSweep(key)
    this.tidy(key)
  }

  /** Drops a key that nothing is left of, once it is past its time to live. */
  tidy(key: KeyState<K, A, E>): void {
    if (!key.isBare || key.pinned || key.suspended || key.resized || key.dropped) return
    // What is known of its failures is kept until another attempt may be made.
    const due = Math.max(key.lastUsed + key.config.idleTimeToLive, Circuit.opensAt(key.circuit))
    if (this.deadlines.now() < due && !this.host.isClosing() && !key.removed) {
      this.sweepBy(key, due / 1e6)
      return
    }
    key.dropped = true
    this.deadlines.remove(key.sweep)
    this.deadlines.remove(key.retry)
    this.capacity.forget(key)
    this.capacity.leave(key.group)
    this.gone.add(key.counters)
    this.goneImmediate += key.immediate
    this.table.delete(key)
  }

  *items(): IterableIterator<Item<K, A, E>> {
    for (const key of this.table.values()) yield* key.items
  }

  statsOf(key: KeyState<K, A, E>): KeyStats {
    return key.stats(this.deadlines.now(), this.host.isSuspended(key))
  }

  stats(): PoolStats {
    const keys: Array<KeyStats> = []
    const counters = new Counters()
    counters.add(this.gone)
    let immediate = this.goneImmediate
    const sum = { open: 0, idle: 0, connecting: 0, closing: 0, leases: 0, waiting: 0 }
    for (const key of this.table.values()) {
      const stats = this.statsOf(key)
      keys.push(stats)
      counters.add(key.counters)
      immediate += key.immediate
      sum.open += stats.open
      sum.idle += stats.idle
      sum.connecting += stats.connecting
      sum.closing += stats.closing
      sum.leases += stats.leases
      sum.waiting += stats.waiting
    }
    return { ...sum, ...counters.show(immediate, sum.leases), keys }
  }
}

const lowered = "max was lowered"

/** The least loaded first; of equals what nobody keeps, and then what was given back first. */
const leastNeeded = <K, A, E>(a: Item<K, A, E>, b: Item<K, A, E>): number =>
  a.leases - b.leases || Number(a.keeps > 0) - Number(b.keeps > 0) || a.idleSince - b.idleSince
