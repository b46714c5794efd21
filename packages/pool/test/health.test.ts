/** Health checks on schedule: when an item is probed, what a probe says of it, and what becomes of a schedule. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { describe, expect, it } from "@effect/vitest"
import { Lease, type Pool, type PoolEvent } from "@mooring/pool"
import { type Bench, Counter, onBench } from "./lab/Bench.js"
import { Stage } from "./lab/Stage.js"

type Health = NonNullable<Pool.PoolOptions<string, number, never, never>["health"]>

interface Patient {
  readonly bench: Bench<number, never>
  readonly items: Counter
  /** When probes began. Milliseconds. */
  readonly probes: ReadonlyArray<number>
  readonly events: ReadonlyArray<PoolEvent.PoolEvent>
  readonly handle: Pool.ItemHandle
}

/** A pool with one idle item of key "k", which opened at once. */
const withPatient = (
  health: Omit<Health, "probe"> & { readonly probe?: Health["probe"] },
  test: (patient: Patient) => void,
  options?: Partial<Pool.PoolOptions<string, number, never, never>>
): void => {
  const items = new Counter()
  const probes: Array<number> = []
  const events: Array<PoolEvent.PoolEvent> = []
  let handle: Pool.ItemHandle | undefined
  onBench<number, never>(
    (stage) => ({
      acquire: (_, given) => {
        handle = given
        return items.acquire
      },
      config: { idleTimeToLive: 86_400_000 },
      ...options,
      health: {
        ...health,
        probe: (item) =>
          Effect.suspend(() => {
            probes.push(stage.now())
            return health.probe?.(item) ?? Effect.void
          })
      }
    }),
    (bench) => {
      bench.stage.fork(Stream.runForEach(bench.pool.events, (event) => Effect.sync(() => events.push(event))))
      bench.stage.settle()
      bench.stage.run(bench.pool.use("k", () => Effect.void))
      if (handle === undefined) throw new Error("nothing was opened")
      test({ bench, items, probes, events, handle })
    }
  )
}

const drained = (events: ReadonlyArray<PoolEvent.PoolEvent>) =>
  events.flatMap((event) => (event._tag === "Draining" ? [{ reason: event.reason, detail: event.detail }] : []))

const faults = (events: ReadonlyArray<PoolEvent.PoolEvent>) =>
  events.flatMap((event) => (event._tag === "Fault" ? [event] : []))

const everySecond = Schedule.spaced(1_000)
const sick = () => Effect.fail("sick")

describe("an idle item is probed on schedule", () => {
  it("every time that the schedule says", () => {
    withPatient({ schedule: everySecond }, ({ bench, probes }) => {
      bench.stage.advance(3_999)
      expect(probes).toEqual([1_000, 2_000, 3_000])
    })
  })

  it("every 30 seconds, more or less, unless told otherwise", () => {
    withPatient({}, ({ bench, probes }) => {
      bench.stage.advance(300_000)
      const pauses = probes.map((at, index) => at - (probes[index - 1] ?? 0))
      expect(pauses.length).toBeGreaterThanOrEqual(8)
      for (const pause of pauses) {
        expect(pause).toBeGreaterThanOrEqual(24_000)
        expect(pause).toBeLessThanOrEqual(36_000)
      }
      expect(new Set(pauses).size).toBeGreaterThan(1)
    })
  })

  it("to a whole millisecond, later rather than earlier", () => {
    withPatient({ schedule: Schedule.spaced("1500 micros") }, ({ bench, probes }) => {
      bench.stage.advance(4)
      expect(probes).toEqual([2, 4])
    })
  })

  it("not while somebody holds it, and again when it is back", () => {
    withPatient({ schedule: everySecond }, ({ bench: { pool, stage }, probes }) => {
      const holder = stage.run(Scope.make())
      stage.run(Scope.extend(pool.lease("k"), holder))
      stage.advance(2_500)
      expect(probes).toEqual([])
      stage.run(Scope.close(holder, Exit.void))
      stage.advance(1_000)
      expect(probes).toEqual([3_000])
    })
  })

  it("not while it is being checked before a borrow", () => {
    withPatient(
      { schedule: everySecond, probe: () => Effect.sleep(300) },
      ({ bench: { pool, stage }, probes }) => {
        stage.advance(900)
        const borrower = stage.call(pool.use("k", () => Effect.void))
        stage.advance(299)
        expect(probes).toEqual([900])
        stage.advance(1)
        expect(borrower.unsafePoll()).toMatchObject({ _tag: "Success" })
      },
      { config: { validationBypass: 500 } }
    )
  })

  it("unless probesIdle says no; before a borrow it is checked all the same", () => {
    const asked: Array<number> = []
    withPatient(
      {
        schedule: everySecond,
        probesIdle: (item) => {
          asked.push(item)
          return false
        }
      },
      ({ bench: { pool, stage }, probes }) => {
        stage.advance(5_000)
        expect(probes).toEqual([])
        expect(asked).toEqual([1])
        stage.run(pool.use("k", () => Effect.void))
        expect(probes).toEqual([5_000])
      },
      { config: { validationBypass: 500 } }
    )
  })

  it("and no longer when it has gone", () => {
    withPatient({ schedule: everySecond }, ({ bench: { pool, stage }, probes }) => {
      stage.advance(1_000)
      stage.run(pool.invalidate(1))
      stage.advance(10_000)
      expect(probes).toEqual([1_000])
    })
  })

  it("a probe under way ends with the item", () => {
    let interrupted = 0
    const hangs = Effect.onInterrupt(Effect.never, () => Effect.sync(() => (interrupted += 1)))
    withPatient({ schedule: everySecond, probe: () => hangs }, ({ bench: { pool, stage } }) => {
      stage.advance(1_000)
      stage.run(pool.invalidate(1))
      expect(interrupted).toBe(1)
    })
  })
})

describe("an item that fails its probes", () => {
  it("is closed after two in a row, unless told otherwise, with what the last one said", () => {
    withPatient({ schedule: everySecond, probe: sick }, ({ bench, events, items }) => {
      bench.stage.advance(1_999)
      expect(items.closed).toEqual([])
      bench.stage.advance(1)
      expect(items.closed).toEqual([1])
      expect(drained(events)).toEqual([{ reason: "unhealthy", detail: expect.stringContaining("sick") }])
    })
  })

  it("is closed after as many as the threshold says", () => {
    withPatient({ schedule: everySecond, probe: sick, threshold: 4 }, ({ bench, items }) => {
      bench.stage.advance(3_999)
      expect(items.closed).toEqual([])
      bench.stage.advance(1)
      expect(items.closed).toEqual([1])
    })
  })

  it("starts from nothing when one succeeds", () => {
    let probe = 0
    const alternates = () => Effect.suspend(() => (++probe % 2 === 0 ? Effect.void : Effect.fail("sick")))
    withPatient({ schedule: everySecond, probe: alternates }, ({ bench, items }) => {
      bench.stage.advance(20_000)
      expect(items.closed).toEqual([])
    })
  })

  it("starts from nothing when a borrower was served, and not when his use of it failed", () => {
    for (const served of [true, false]) {
      withPatient({ schedule: everySecond, probe: sick, onBorrow: false }, ({ bench: { pool, stage }, items }) => {
        stage.advance(1_500)
        stage.run(Effect.exit(pool.use("k", () => (served ? Effect.void : Effect.fail("no answer")))))
        stage.advance(1_000)
        expect(items.closed).toEqual(served ? [] : [1])
        stage.advance(1_000)
        expect(items.closed).toEqual([1])
      })
    }
  })

  it("starts from nothing when it speaks by itself", () => {
    withPatient({ schedule: everySecond, probe: sick }, ({ bench: { stage }, handle, items }) => {
      stage.advance(1_500)
      handle.alive()
      stage.advance(1_000)
      expect(items.closed).toEqual([])
      stage.advance(1_000)
      expect(items.closed).toEqual([1])
    })
  })

  it("fails one by not answering in time: five seconds, unless told otherwise", () => {
    for (const [timeout, ends] of [
      [undefined, 6_000],
      [200, 1_200]
    ] as const) {
      withPatient(
        { schedule: everySecond, probe: () => Effect.never, threshold: 1, timeout },
        ({ bench, events, items }) => {
          bench.stage.advance(ends - 1)
          expect(items.closed).toEqual([])
          bench.stage.advance(1)
          expect(items.closed).toEqual([1])
          expect(drained(events)).toEqual([{ reason: "unhealthy", detail: "it did not answer in time" }])
        }
      )
    }
  })

  it("lets who waits have another one", () => {
    withPatient(
      { schedule: everySecond, probe: () => Effect.zipRight(Effect.sleep(100), Effect.fail("sick")), threshold: 1 },
      ({ bench: { pool, stage } }) => {
        stage.advance(1_050)
        const whole = stage.call(Effect.scoped(Effect.map(pool.exclusive("k"), ({ item }) => item)))
        stage.advance(100)
        expect(whole.unsafePoll()).toMatchObject({ value: expect.any(Number) })
      }
    )
  })
})

describe("the check before a borrow", () => {
  const config = { validationBypass: 500, idleTimeToLive: 86_400_000 }

  it("is made only when the item has not answered for longer than validationBypass", () => {
    withPatient(
      { schedule: Schedule.stop },
      ({ bench: { pool, stage }, probes }) => {
        stage.advance(500)
        stage.run(pool.use("k", () => Effect.void))
        expect(probes).toEqual([])
        stage.advance(501)
        stage.run(pool.use("k", () => Effect.void))
        expect(probes).toEqual([1_001])
      },
      { config }
    )
  })

  it("is not made again for what has just said that it is alive, or answered a probe on schedule", () => {
    withPatient(
      { schedule: Schedule.spaced(2_000) },
      ({ bench: { pool, stage }, handle, probes }) => {
        stage.advance(1_000)
        handle.alive()
        stage.run(pool.use("k", () => Effect.void))
        expect(probes).toEqual([])
        stage.advance(1_200)
        expect(probes).toEqual([2_000])
        stage.run(pool.use("k", () => Effect.void))
        expect(probes).toEqual([2_000])
      },
      { config }
    )
  })

  it("is not made again soon after a lease whose scope ended well, or that was given back by hand", () => {
    withPatient(
      { schedule: Schedule.stop },
      ({ bench: { pool, stage }, probes }) => {
        const ways = [pool.lease("k"), Effect.flatMap(pool.lease("k"), ({ release }) => release)]
        for (const way of ways) {
          stage.advance(400)
          stage.run(Effect.scoped(way))
          stage.advance(400)
          stage.run(pool.use("k", () => Effect.void))
          expect(probes).toEqual([])
        }
      },
      { config }
    )
  })

  it("is made again after a use that failed: that proves nothing", () => {
    withPatient(
      { schedule: Schedule.stop },
      ({ bench: { pool, stage }, probes }) => {
        stage.advance(400)
        stage.run(Effect.exit(pool.use("k", () => Effect.fail("no answer"))))
        stage.advance(200)
        stage.run(pool.use("k", () => Effect.void))
        expect(probes).toEqual([600])
        stage.advance(600)
        stage.run(Effect.exit(Effect.scoped(Effect.zipRight(pool.lease("k"), Effect.fail("no answer")))))
        expect(probes).toEqual([600, 1_200])
      },
      { config }
    )
  })

  it("is never made with onBorrow: false", () => {
    withPatient(
      { schedule: Schedule.stop, onBorrow: false },
      ({ bench: { pool, stage }, probes }) => {
        stage.advance(60_000)
        stage.run(pool.use("k", () => Effect.void))
        expect(probes).toEqual([])
      },
      { config }
    )
  })

  it("closes an item that fails it once, and says why", () => {
    for (const [probe, detail] of [
      [sick, expect.stringContaining("sick")],
      [() => Effect.never, "it did not answer in time"]
    ] as const) {
      withPatient(
        { schedule: Schedule.stop, probe, timeout: 300 },
        ({ bench: { pool, stage }, events, items }) => {
          stage.advance(1_000)
          const borrower = stage.call(pool.use("k", (item) => Effect.succeed(item)))
          stage.advance(300)
          expect(borrower.unsafePoll()).toMatchObject({ value: 2 })
          expect(items.closed).toEqual([1])
          expect(drained(events)).toEqual([{ reason: "invalid", detail }])
        },
        { config }
      )
    }
  })

  it("goes with the item: what is invalidated meanwhile is closed at once, and its check called off", () => {
    let interrupted = 0
    const probe = () => Effect.onInterrupt(Effect.never, () => Effect.sync(() => (interrupted += 1)))
    withPatient(
      { schedule: Schedule.stop, probe },
      ({ bench: { pool, stage }, items }) => {
        stage.advance(1_000)
        const borrower = stage.call(pool.use("k", (item) => Effect.succeed(item)))
        stage.settle()
        stage.run(pool.invalidate(1))
        expect(items.closed).toEqual([1])
        expect(interrupted).toBe(1)
        expect(borrower.unsafePoll()).toMatchObject({ value: 2 })
      },
      { config }
    )
  })

  it("is not made while free items need none: the least loaded of those serves", () => {
    const items = new Counter()
    const probes: Array<number> = []
    const handles: Array<Pool.ItemHandle> = []
    onBench<number, never>(
      () => ({
        acquire: (_, handle) => {
          handles.push(handle)
          return items.acquire
        },
        config: { ...config, max: 5, concurrency: 4 },
        health: {
          schedule: Schedule.stop,
          probe: (item) =>
            Effect.suspend(() => {
              probes.push(item)
              return Effect.never
            }),
          timeout: 60_000
        }
      }),
      ({ pool, stage }) => {
        const borrow = (how: "exclusive" | "lease") => {
          const scope = stage.run(Scope.make())
          const { item } = stage.run(Scope.extend(pool[how]("k"), scope))
          return { item, end: () => stage.run(Scope.close(scope, Exit.void)) }
        }
        const whole = Array.from({ length: 5 }, () => borrow("exclusive"))
        for (const { end, item } of whole) if (item > 2) end()
        const held = Array.from({ length: 4 }, () => borrow("lease").item)
        const twice = held.find((item, at) => held.indexOf(item) < at)
        const once = [3, 4, 5].find((item) => item !== twice)
        for (const { end, item } of whole) if (item <= 2) end()
        stage.advance(501)
        // What is held has answered lately; the two that are idle have not.
        for (const item of held) handles[item - 1]?.alive()

        const borrower = stage.call(pool.use("k", (item) => Effect.succeed(item)))
        expect(borrower.unsafePoll()).toMatchObject({ value: once })
        expect(probes).toEqual([])
      }
    )
  })

  it("is made for a whole item, too", () => {
    withPatient(
      { schedule: Schedule.stop },
      ({ bench: { pool, stage }, probes }) => {
        stage.advance(1_000)
        stage.run(Effect.scoped(Effect.flatMap(pool.exclusive("k"), (lease) => lease.decide(Lease.Reuse))))
        expect(probes).toEqual([1_000])
      },
      { config }
    )
  })
})

describe("a health schedule", () => {
  const thrice = Schedule.intersect(everySecond, Schedule.recurs(3))

  it("L17: that ends is reported and started again a second later", () => {
    withPatient({ schedule: thrice }, ({ bench: { stage }, events, probes }) => {
      stage.advance(3_999)
      expect(probes).toEqual([1_000, 2_000, 3_000])
      expect(faults(events)).toEqual([
        expect.objectContaining({ key: "k", item: 1, what: "the health schedule has ended; it is started again" })
      ])
      stage.advance(4_000)
      expect(probes).toEqual([1_000, 2_000, 3_000, 5_000, 6_000, 7_000])
      expect(faults(events)).toHaveLength(2)
      expect(faults(events).every(({ cause }) => Cause.isEmpty(cause))).toBe(true)
    })
  })

  it("L17: that dies is reported with its cause and started again", () => {
    const dies = Schedule.tapOutput(Schedule.spaced(1_000), (n) =>
      n === 1 ? Effect.die(new Error("broken clock")) : Effect.void
    )
    withPatient({ schedule: dies }, ({ bench: { stage }, events, probes }) => {
      stage.advance(10_000)
      expect(faults(events).length).toBeGreaterThan(1)
      for (const { cause } of faults(events)) expect(Cause.pretty(cause)).toContain("broken clock")
      expect(probes.length).toBeGreaterThan(1)
      expect(probes.at(-1)).toBeGreaterThan(6_000)
    })
  })

  for (const jump of [3_600_000, -3_600_000]) {
    it(`L17: a wall clock that jumps by ${jump / 3_600_000} h leaves probes where they were`, () => {
      const times = (jumps: boolean) => {
        let seen: ReadonlyArray<number> = []
        withPatient({ schedule: everySecond }, ({ bench: { stage }, events, probes }) => {
          stage.advance(2_500)
          if (jumps) stage.jumpWall(jump)
          stage.advance(3_000)
          expect(faults(events)).toEqual([])
          seen = [...probes]
        })
        return seen
      }
      expect(times(true)).toEqual([1_000, 2_000, 3_000, 4_000, 5_000])
      expect(times(true)).toEqual(times(false))
    })

    it(`L17: whatever a jump of ${jump / 3_600_000} h does to a schedule that reads the wall clock, probes go on`, () => {
      for (const schedule of [Schedule.upTo(everySecond, 60_000), Schedule.fixed(1_000)]) {
        withPatient({ schedule }, ({ bench: { stage }, probes }) => {
          stage.advance(2_500)
          stage.jumpWall(jump)
          stage.advance(60_000)
          const before = probes.length
          stage.advance(10_000)
          expect(probes.length).toBeGreaterThanOrEqual(before + 8)
          expect(probes.length).toBeLessThanOrEqual(before + 11)
        })
      }
    })
  }

  it("L17: that has ended by a jump of the wall clock is reported and started again", () => {
    withPatient({ schedule: Schedule.upTo(everySecond, 60_000) }, ({ bench: { stage }, events, probes }) => {
      stage.advance(2_500)
      stage.jumpWall(3_600_000)
      stage.advance(1_500)
      expect(faults(events)).toHaveLength(1)
      const before = probes.length
      stage.advance(5_000)
      expect(probes.length).toBeGreaterThanOrEqual(before + 3)
    })
  })
})

it("a pool on a stage of its own probes nothing after it has closed", () => {
  const stage = new Stage({ seed: 1 })
  let probed = 0
  onBench(
    () => ({
      acquire: () => Effect.succeed(1),
      health: { probe: () => Effect.sync(() => (probed += 1)), schedule: everySecond }
    }),
    ({ pool }) => stage.run(pool.use("k", () => Effect.void)),
    stage
  )
  expect(probed).toBe(0)
  expect(stage.clock.liveTimers).toBe(0)
})
