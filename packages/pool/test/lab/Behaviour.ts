/**
 * What a connect, a close or a probe does: it takes a while, and then it ends in one of these ways. `hang` can be
 * interrupted, `hangHard` cannot: it ends only when the run is thawed, long after everybody has stopped waiting.
 */
import * as Effect from "effect/Effect"

export type End = "ok" | "fail" | "fatal" | "die" | "hang" | "hangHard"

export interface Behaviour {
  /** Milliseconds. */
  readonly takes: number
  readonly end: End
}

export const fine: Behaviour = { takes: 0, end: "ok" }

/** The pool is told that everything but `fatal` may be tried again. */
export class ConnectRefused {
  readonly _tag = "ConnectRefused"
  constructor(
    readonly key: string,
    /** The number of the unit that could not be opened. */
    readonly unit: number,
    readonly retryable: boolean
  ) {}
}

/** What `die` dies of. */
export class ScriptedDefect extends Error {
  constructor(
    readonly key: string,
    readonly unit: number
  ) {
    super(`scripted defect of unit ${unit}`)
  }
}

/** What hangs hard, until it is thawed. */
export class Freezer {
  readonly #frozen: Array<() => void> = []

  readonly wait: Effect.Effect<void> = Effect.uninterruptible(
    Effect.async<void>((resume) => {
      this.#frozen.push(() => resume(Effect.void))
    })
  )

  get size(): number {
    return this.#frozen.length
  }

  /** Lets everything go on, and says how many there were. */
  thaw(): number {
    const frozen = this.#frozen.splice(0)
    for (const resume of frozen) resume()
    return frozen.length
  }
}

/** A wait that has no timer of its own, unlike `Effect.never`. */
export const forever: Effect.Effect<never> = Effect.async<never>(() => {})

export const perform = (
  behaviour: Behaviour,
  freezer: Freezer,
  unit: { readonly id: number; readonly key: string }
): Effect.Effect<void, ConnectRefused> => {
  const end = ending(behaviour.end, freezer, unit)
  return behaviour.takes > 0 ? Effect.zipRight(Effect.sleep(behaviour.takes), end) : end
}

const ending = (
  end: End,
  freezer: Freezer,
  unit: { readonly id: number; readonly key: string }
): Effect.Effect<void, ConnectRefused> => {
  switch (end) {
    case "ok":
      return Effect.void
    case "fail":
      return Effect.suspend(() => Effect.fail(new ConnectRefused(unit.key, unit.id, true)))
    case "fatal":
      return Effect.suspend(() => Effect.fail(new ConnectRefused(unit.key, unit.id, false)))
    case "die":
      return Effect.dieSync(() => new ScriptedDefect(unit.key, unit.id))
    case "hang":
      return forever
    case "hangHard":
      return freezer.wait
  }
}
