/**
 * Whether another attempt to open an item may be made: pauses between failed ones (exponential, full jitter, capped)
 * and, after too many in a row, a circuit that is open until one attempt on trial succeeds. One state, one transition
 * function, no clock of its own.
 */
import * as Data from "effect/Data"
import type { ResolvedConfig } from "../PoolConfig.js"

export type Circuit = Data.TaggedEnum<{
  /** Attempts may begin from `notBefore` on. */
  Closed: { readonly failures: number; readonly notBefore: number }
  /** None may begin before `until`. */
  Open: { readonly failures: number; readonly until: number }
  /** One is on trial; none besides it. */
  HalfOpen: { readonly failures: number }
}>

export const Circuit = Data.taggedEnum<Circuit>()

export type CircuitEvent = "attempt" | "success" | "failure" | "aborted"

export const initial: Circuit = Circuit.Closed({ failures: 0, notBefore: 0 })

/**
 * What the circuit becomes when something happens at `now` (nanoseconds). `random` is from [0, 1); `asked` is how long
 * what failed asks to be left alone at least.
 */
export const transition = (
  circuit: Circuit,
  event: CircuitEvent,
  now: number,
  config: ResolvedConfig,
  random: () => number,
  asked = 0
): Circuit => {
  switch (event) {
    case "attempt":
      return circuit._tag === "Open" ? Circuit.HalfOpen({ failures: circuit.failures }) : circuit
    case "success":
      return initial
    case "aborted":
      // The trial was called off, by us: the next attempt is on trial instead.
      return circuit._tag === "HalfOpen" ? Circuit.Open({ failures: circuit.failures, until: now }) : circuit
    case "failure": {
      const failures = circuit.failures + 1
      if (failures >= config.breakerThreshold) {
        return Circuit.Open({ failures, until: now + Math.max(config.breakerOpenFor, asked) })
      }
      const longest = Math.min(config.backoffMax, config.backoffBase * 2 ** (failures - 1))
      // Whole milliseconds: a virtual clock cannot tell fractions of one.
      const pause = Math.ceil(Math.max(longest * random(), asked) / 1e6) * 1e6
      return Circuit.Closed({ failures, notBefore: now + pause })
    }
  }
}

/** When the next attempt may begin; `Infinity` while one is on trial. */
export const opensAt = (circuit: Circuit): number => {
  switch (circuit._tag) {
    case "Closed":
      return circuit.notBefore
    case "Open":
      return circuit.until
    case "HalfOpen":
      return Infinity
  }
}

/** How long until the next attempt may begin; 0 while one is on trial. Nanoseconds. */
export const pauseOf = (circuit: Circuit, now: number): number =>
  circuit._tag === "HalfOpen" ? 0 : Math.max(0, opensAt(circuit) - now)

export const stateOf = (circuit: Circuit, now: number): "closed" | "open" | "halfOpen" => {
  if (circuit._tag === "Closed") return "closed"
  return circuit._tag === "Open" && now < circuit.until ? "open" : "halfOpen"
}
