import * as fc from "effect/FastCheck"
import { describe, expect, it } from "@effect/vitest"
import { PoolConfig } from "@mooring/pool"
import { Either } from "effect"
import { Circuit, type CircuitEvent, initial, opensAt, pauseOf, stateOf, transition } from "../src/internal/Circuit.js"

const config = Either.getOrThrow(
  PoolConfig.resolve({ backoff: { base: 100, max: 1_000 }, breakerThreshold: 4, breakerOpenFor: 5_000 })
)
const second = 1e9

/** What the circuit is after these events, all at `now`. */
const after = (events: ReadonlyArray<CircuitEvent>, now: number, random = 0.999_999): Circuit =>
  events.reduce((circuit, event) => transition(circuit, event, now, config, () => random), initial)

const failures = (count: number): ReadonlyArray<CircuitEvent> => Array.from({ length: count }, () => "failure")

describe("Circuit", () => {
  it("is closed at first, and attempts may begin at once", () => {
    expect(initial).toEqual(Circuit.Closed({ failures: 0, notBefore: 0 }))
    expect(opensAt(initial)).toBe(0)
    expect(stateOf(initial, 0)).toBe("closed")
  })

  it("pauses after a failure, twice as long each time, up to the longest", () => {
    const pauses = [1, 2, 3].map((count) => opensAt(after(failures(count), second)) - second)
    expect(pauses).toEqual([100e6, 200e6, 400e6])
    const patient = { ...config, breakerThreshold: 100 }
    let circuit: Circuit = initial
    for (let n = 0; n < 10; n++) circuit = transition(circuit, "failure", 0, patient, () => 0.999_999)
    expect(opensAt(circuit)).toBe(1_000e6)
  })

  it("takes a random share of the pause, rounded up to whole milliseconds", () => {
    expect(opensAt(after(failures(1), second, 0))).toBe(second)
    expect(opensAt(after(failures(1), second, 0.5))).toBe(second + 50e6)
    expect(opensAt(after(failures(1), second, 0.501))).toBe(second + 51e6)
  })

  it("waits as long as what failed asks, if that is longer, closed or open", () => {
    const asked = (circuit: Circuit, millis: number) =>
      opensAt(transition(circuit, "failure", second, config, () => 0.5, millis * 1e6)) - second
    expect(asked(initial, 49)).toBe(50e6)
    expect(asked(initial, 3_000.5)).toBe(3_001e6)
    expect(asked(after(failures(3), second), 4_000)).toBe(5_000e6)
    expect(asked(after(failures(3), second), 9_000)).toBe(9_000e6)
  })

  it("opens after as many failures in a row as the threshold says, and remembers how many", () => {
    expect(after(failures(3), second)).toMatchObject({ _tag: "Closed", failures: 3 })
    expect(after(failures(4), second)).toEqual(Circuit.Open({ failures: 4, until: 6 * second }))
    expect(after(failures(5), second)).toEqual(Circuit.Open({ failures: 5, until: 6 * second }))
  })

  it("says how long until the next attempt, and nothing of one that nobody knows the end of", () => {
    const open = after(failures(4), second)
    expect(pauseOf(open, 2 * second)).toBe(4 * second)
    expect(pauseOf(open, 7 * second)).toBe(0)
    expect(
      pauseOf(
        transition(open, "attempt", 6 * second, config, () => 0),
        6 * second
      )
    ).toBe(0)
  })

  it("is open until its time has come, and on trial from then on", () => {
    const open = after(failures(4), second)
    expect(opensAt(open)).toBe(6 * second)
    expect(stateOf(open, 6 * second - 1)).toBe("open")
    expect(stateOf(open, 6 * second)).toBe("halfOpen")
  })

  it("lets one attempt be made on trial, and none besides it", () => {
    const trial = after([...failures(4), "attempt"], second)
    expect(trial).toEqual(Circuit.HalfOpen({ failures: 4 }))
    expect(opensAt(trial)).toBe(Number.POSITIVE_INFINITY)
    expect(stateOf(trial, 0)).toBe("halfOpen")
    expect(stateOf(trial, 100 * second)).toBe("halfOpen")
    expect(after([...failures(4), "attempt", "attempt"], second)).toEqual(trial)
  })

  it("opens again when the trial fails, and begins anew when it succeeds", () => {
    expect(after([...failures(4), "attempt", "failure"], second)).toEqual(
      Circuit.Open({ failures: 5, until: 6 * second })
    )
    expect(after([...failures(4), "attempt", "success"], second)).toBe(initial)
  })

  it("puts the next attempt on trial when one was called off", () => {
    const again = after([...failures(4), "attempt", "aborted"], 2 * second)
    expect(again).toEqual(Circuit.Open({ failures: 4, until: 2 * second }))
    expect(stateOf(again, 2 * second)).toBe("halfOpen")
  })

  it("changes nothing by an attempt, or one called off, while it is closed; nor by one called off while it is open", () => {
    for (const count of [0, 2]) {
      expect(after([...failures(count), "attempt"], second)).toEqual(after(failures(count), second))
      expect(after([...failures(count), "aborted"], second)).toEqual(after(failures(count), second))
    }
    expect(after([...failures(4), "aborted"], second)).toEqual(after(failures(4), second))
  })

  it("forgets its failures by one success, whatever came before", () => {
    const events = fc.constantFrom<CircuitEvent>("attempt", "success", "failure", "aborted")
    fc.assert(
      fc.property(fc.array(events, { maxLength: 20 }), (list) => {
        expect(after([...list, "success"], second)).toBe(initial)
      })
    )
  })
})
