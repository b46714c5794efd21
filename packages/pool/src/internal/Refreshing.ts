/**
 * Tells the keys of a running pool that their settings have changed: first looks whether all that is asked for can be,
 * then does it, all in one step, so that nobody ever borrows between two keys of one change.
 */
import * as Cause from "effect/Cause"
import * as Either from "effect/Either"
import { constVoid } from "effect/Function"
import type { ResolvedConfig } from "../PoolConfig.js"
import { type PoolConfigError, UnknownKey } from "../PoolError.js"
import type { Refresh } from "../Refresh.js"
import * as Circuit from "./Circuit.js"
import { Draining } from "./Draining.js"
import type { Engine } from "./Engine.js"
import type { KeyState } from "./KeyState.js"

interface Planned<K, A, E> {
  readonly state: KeyState<K, A, E>
  /** Absent for one that goes. */
  readonly config: ResolvedConfig | undefined
  readonly replaces: boolean
}

export class Refreshing<in out K, in out A, in out E, in out R> {
  constructor(private readonly engine: Engine<K, A, E, R>) {}

  /** `timeout` in nanoseconds. */
  run(which: (key: K) => Refresh, timeout: number): Either.Either<void, PoolConfigError> {
    return Either.map(this.plan(which), (plan) => {
      for (const planned of plan) {
        if (planned.config === undefined) this.remove(planned.state, timeout)
        else this.renew(planned.state, planned.config, planned.replaces)
      }
    })
  }

  private plan(which: (key: K) => Refresh): Either.Either<ReadonlyArray<Planned<K, A, E>>, PoolConfigError> {
    const { keys } = this.engine
    const plan: Array<Planned<K, A, E>> = []
    let more = 0
    let name = ""
    for (const state of keys.all()) {
      const what = which(state.key)
      if (what === "Keep" || state.removed) continue
      const found = what === "Remove" ? undefined : keys.configOf(state.key, state.name)
      if (found !== undefined && Either.isLeft(found) && found.left._tag !== "UnknownKey") {
        return Either.left(found.left)
      }
      const config = found === undefined || Either.isLeft(found) ? undefined : found.right
      plan.push({ state, config, replaces: what === "Items" })
      if (!state.pinned) continue
      const added = (config?.min ?? 0) - state.config.min
      more += added
      if (added > 0) name = state.name
    }
    const error = keys.reserveMin(name, more)
    return error === undefined ? Either.right(plan) : Either.left(error)
  }

  private renew(state: KeyState<K, A, E>, config: ResolvedConfig, replaces: boolean): void {
    const { engine } = this
    if (config.min === 0) state.pinned = false
    state.resized = false
    state.config = config
    if (replaces) this.supersede(state, "its key was renewed")
    engine.keys.configure(state, config)
    engine.keys.tidy(state)
  }

  private remove(state: KeyState<K, A, E>, timeout: number): void {
    const { engine } = this
    state.pinned = false
    state.resized = false
    state.suspended = false
    state.removed = true
    const why = "its key was removed"
    const draining = new Draining(engine, state.items, timeout, why, constVoid)
    engine.failWaiting(state, Cause.fail(new UnknownKey({ key: state.name })), () => true)
    this.supersede(state, why)
    draining.look()
    engine.pump(state)
    engine.relieve()
    engine.keys.tidy(state)
  }

  private supersede(state: KeyState<K, A, E>, why: string): void {
    const { deadlines, lifecycle } = this.engine
    this.engine.retireAll(state, "drained", why)
    for (const item of state.items) {
      if (item.state !== "draining" || item.superseded) continue
      item.superseded = true
      state.superseded++
    }
    // What was learnt from failures is about other items than those to come.
    lifecycle.setCircuit(state, Circuit.initial)
    state.lastFailure = undefined
    deadlines.remove(state.retry)
  }
}
