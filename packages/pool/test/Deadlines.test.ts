import { describe, expect, it } from "@effect/vitest"
import { Deadlines } from "@mooring/pool"
import { Clock, Effect, Exit, FastCheck, Fiber, Logger, type Scheduler, Scope, TestClock } from "effect"

class Entry implements Deadlines.Deadline {
  deadlineAt = Infinity
  heapIndex = -1
  constructor(
    readonly name: number,
    readonly called: (entry: Entry) => void
  ) {}
  onDeadline(): void {
    this.called(this)
  }
}

/** A clock that moves when told, and counts what sleeps on it. */
class VirtualClock implements Clock.Clock {
  readonly [Clock.ClockTypeId]: typeof Clock.ClockTypeId = Clock.ClockTypeId
  nanos = 0n
  sleepers = new Set<{ readonly at: bigint; readonly wake: () => void }>()
  slept: Array<number> = []
  unsafeCurrentTimeMillis = () => Number(this.nanos / 1_000_000n)
  unsafeCurrentTimeNanos = () => this.nanos
  currentTimeMillis = Effect.sync(this.unsafeCurrentTimeMillis)
  currentTimeNanos = Effect.sync(this.unsafeCurrentTimeNanos)
  scheduler = () => Effect.die("not used")
  sleep: Clock.Clock["sleep"] = (duration) =>
    Effect.async<void>((resume) => {
      const millis = Number(duration.value._tag === "Millis" ? duration.value.millis : NaN)
      this.slept.push(millis)
      const sleeper = { at: this.nanos + BigInt(millis) * 1_000_000n, wake: () => resume(Effect.void) }
      this.sleepers.add(sleeper)
      return Effect.sync(() => this.sleepers.delete(sleeper))
    })
  /** Moves to `to`, stopping at every instant at which something wakes. */
  moveTo(to: bigint, drain: () => void): void {
    for (;;) {
      const due = [...this.sleepers].filter((s) => s.at <= to).sort((a, b) => Number(a.at - b.at))[0]
      if (due === undefined) break
      this.sleepers.delete(due)
      this.nanos = due.at
      due.wake()
      drain()
    }
    this.nanos = to
    drain()
  }
}

class Tasks implements Scheduler.Scheduler {
  private tasks: Array<() => void> = []
  shouldYield: Scheduler.Scheduler["shouldYield"] = () => false
  scheduleTask(task: () => void): void {
    this.tasks.push(task)
  }
  drain = (): void => {
    for (let task = this.tasks.shift(); task !== undefined; task = this.tasks.shift()) task()
  }
}

const start = (nanos = 0n) => {
  const clock = new VirtualClock()
  clock.nanos = nanos
  const tasks = new Tasks()
  const scope = Effect.runSync(Scope.make())
  const fiber = Effect.runFork(Deadlines.make.pipe(Scope.extend(scope), Effect.withClock(clock)), { scheduler: tasks })
  tasks.drain()
  const exit = fiber.unsafePoll()
  if (exit === null || Exit.isFailure(exit)) throw new Error("not made")
  const close = () => {
    Effect.runFork(Scope.close(scope, Exit.void), { scheduler: tasks })
    tasks.drain()
  }
  return { clock, tasks, deadlines: exit.value, close }
}

type Command =
  | { readonly _tag: "add" | "update"; readonly entry: number; readonly at: number }
  | { readonly _tag: "remove"; readonly entry: number }
  | { readonly _tag: "advance"; readonly by: number }

const entries = 12
const whole = (max: number) => FastCheck.integer({ min: 0, max })
// Halves of a millisecond, so that rounding up is seen; a small range, so that ties are common.
const commands: FastCheck.Arbitrary<ReadonlyArray<Command>> = FastCheck.array(
  FastCheck.oneof(
    {
      weight: 5,
      arbitrary: FastCheck.record({
        _tag: FastCheck.constant("add" as const),
        entry: whole(entries - 1),
        at: whole(40)
      })
    },
    {
      weight: 2,
      arbitrary: FastCheck.record({
        _tag: FastCheck.constant("update" as const),
        entry: whole(entries - 1),
        at: whole(40)
      })
    },
    {
      weight: 2,
      arbitrary: FastCheck.record({ _tag: FastCheck.constant("remove" as const), entry: whole(entries - 1) })
    },
    { weight: 3, arbitrary: FastCheck.record({ _tag: FastCheck.constant("advance" as const), by: whole(15) }) }
  ),
  { maxLength: 60 }
)

describe("Deadlines", () => {
  it("calls what a sorted list would call, in its order, exactly when whole milliseconds allow", () => {
    FastCheck.assert(
      FastCheck.property(commands, (list) => {
        const { clock, tasks, deadlines, close } = start()
        const called: Array<readonly [name: number, at: number]> = []
        const all = Array.from({ length: entries }, (_, n) => new Entry(n, () => called.push([n, deadlines.now()])))
        const model = new Map<number, { readonly at: number; readonly sequence: number }>()
        let sequence = 0
        for (const command of list) {
          called.length = 0
          const before = deadlines.now()
          const entry = command._tag === "advance" ? undefined : all[command.entry]
          if (command._tag === "advance") {
            clock.moveTo(clock.nanos + BigInt(command.by) * 500_000n, tasks.drain)
          } else if (entry !== undefined) {
            if (command._tag === "remove") {
              deadlines.remove(entry)
              model.delete(command.entry)
            } else if (command._tag === "add" || model.has(command.entry)) {
              const at = before + (command.at - 2) * 500_000
              deadlines[command._tag](entry, at)
              model.set(command.entry, { at, sequence: sequence++ })
            } else {
              deadlines.update(entry, before)
            }
            expect(called).toEqual([])
            tasks.drain()
          }
          const now = deadlines.now()
          // Nothing is called before its deadline, nor later than a millisecond after it or the start of this step.
          const order = [...model].sort(([, a], [, b]) => a.at - b.at || a.sequence - b.sequence)
          const wakes = called.map(([name, at]) => {
            const due = model.get(name)
            expect(due).toBeDefined()
            expect(due?.at).toBeLessThanOrEqual(at)
            expect(at).toBeLessThan(Math.max(due?.at ?? 0, before) + 1e6)
            model.delete(name)
            return name
          })
          expect(wakes).toEqual(order.slice(0, wakes.length).map(([name]) => name))
          for (const { at } of model.values()) expect(at).toBeGreaterThan(now - 1e6)
          expect(deadlines.size()).toBe(model.size)
          for (const [name, entry] of all.entries()) expect(entry.heapIndex >= 0).toBe(model.has(name))
          expect(clock.sleepers.size).toBeLessThanOrEqual(1)
        }
        // Let everything run out: then nothing sleeps any more.
        clock.moveTo(clock.nanos + 60_000_000n, tasks.drain)
        expect(deadlines.size()).toBe(0)
        expect(clock.sleepers.size).toBe(0)
        close()
      }),
      { numRuns: 500 }
    )
  })

  it("does not begin another sleep for a later deadline, and one at once for an earlier", () => {
    const { clock, tasks, deadlines, close } = start()
    const add = (at: number) => {
      const entry = new Entry(at, () => {})
      deadlines.add(entry, at * 1e6)
      tasks.drain()
      return entry
    }
    const first = add(10)
    for (let at = 11; at < 100; at++) add(at)
    expect(clock.slept).toEqual([10])
    deadlines.remove(first)
    add(200)
    add(10)
    expect(clock.slept).toEqual([10])
    add(5)
    expect(clock.slept).toEqual([10, 5])
    expect(clock.sleepers.size).toBe(1)
    close()
  })

  it("leaves no sleep behind when its scope closes, and calls nothing after that", () => {
    const { clock, tasks, deadlines, close } = start()
    const called: Array<number> = []
    const entry = new Entry(1, () => called.push(1))
    deadlines.add(entry, 1e6)
    expect(clock.sleepers.size).toBe(1)
    close()
    expect(clock.sleepers.size).toBe(0)
    expect(entry.heapIndex).toBe(-1)
    deadlines.add(entry, 2e6)
    expect(deadlines.size()).toBe(0)
    expect(entry.deadlineAt).toBe(Infinity)
    clock.moveTo(10_000_000n, tasks.drain)
    expect(called).toEqual([])
    expect(clock.slept).toEqual([1])
  })

  it("counts from when it was made", () => {
    const { clock, tasks, deadlines, close } = start(5_000_000n)
    expect(deadlines.now()).toBe(0)
    const called: Array<number> = []
    deadlines.add(new Entry(1, () => called.push(deadlines.now())), 3e6)
    clock.moveTo(100_000_000n, tasks.drain)
    expect(called).toEqual([3e6])
    expect(deadlines.now()).toBe(95e6)
    close()
  })

  it("calls what was moved in its new order, behind what was there at the same instant", () => {
    const { clock, tasks, deadlines, close } = start()
    const called: Array<number> = []
    const add = (name: number, at: number) => {
      const entry = new Entry(name, () => called.push(name))
      deadlines.add(entry, at * 1e6)
      return entry
    }
    const first = add(1, 1)
    const second = add(2, 2)
    add(3, 3)
    const fourth = add(4, 4)
    add(5, 4)
    deadlines.update(first, 3.5e6)
    deadlines.update(second, 5e6)
    deadlines.update(fourth, 4e6)
    clock.moveTo(10_000_000n, tasks.drain)
    expect(called).toEqual([3, 1, 5, 4, 2])
    const again = add(6, 20)
    add(7, 20)
    deadlines.update(again, 20e6)
    clock.moveTo(20_000_000n, tasks.drain)
    expect(called.slice(5)).toEqual([7, 6])
    close()
  })

  it("keeps the order of many, whichever of them are taken out or moved", () => {
    const at = whole(100)
    const many = FastCheck.record({
      added: FastCheck.array(at, { minLength: 1, maxLength: 80 }),
      changed: FastCheck.array(FastCheck.tuple(whole(79), FastCheck.option(at, { nil: undefined })), { maxLength: 80 })
    })
    FastCheck.assert(
      FastCheck.property(many, ({ added, changed }) => {
        const { clock, tasks, deadlines, close } = start()
        const called: Array<number> = []
        const all = added.map((_, name) => new Entry(name, () => called.push(name)))
        const model = new Map<number, { readonly at: number; readonly sequence: number }>()
        let sequence = 0
        for (const [name, entry] of all.entries()) {
          const millis = added[name] ?? 0
          deadlines.add(entry, millis * 1e6)
          model.set(name, { at: millis, sequence: sequence++ })
        }
        for (const [name, millis] of changed) {
          const entry = all[name]
          if (entry === undefined) continue
          if (millis === undefined) {
            deadlines.remove(entry)
            model.delete(name)
          } else if (model.has(name)) {
            deadlines.update(entry, millis * 1e6)
            model.set(name, { at: millis, sequence: sequence++ })
          }
        }
        const order = [...model].sort(([, a], [, b]) => a.at - b.at || a.sequence - b.sequence)
        clock.moveTo(100_000_000n, tasks.drain)
        expect(called).toEqual(order.map(([name]) => name))
        close()
      }),
      { numRuns: 200 }
    )
  })

  it("puts what takes the place of one that was taken out where it belongs, be that further up", () => {
    const { clock, tasks, deadlines, close } = start()
    const called: Array<number> = []
    const [, , , taken] = [1, 10, 2, 11, 12, 20, 4].map((at) => {
      const entry = new Entry(at, () => called.push(at))
      deadlines.add(entry, at * 1e6)
      return entry
    })
    if (taken !== undefined) deadlines.remove(taken)
    clock.moveTo(20_000_000n, tasks.drain)
    expect(called).toEqual([1, 2, 4, 10, 12, 20])
    close()
  })

  it("begins one sleep after a round, however much was added within it", () => {
    const { clock, tasks, deadlines, close } = start()
    const add = (at: number, called: () => void = () => {}) => deadlines.add(new Entry(at, called), at * 1e6)
    add(1, () => {
      add(5)
      add(3)
      add(2)
    })
    clock.moveTo(1_000_000n, tasks.drain)
    expect(clock.slept).toEqual([1, 1])
    close()
  })

  it("never calls for Infinity, and sleeps again and again for what no timer can hold", () => {
    const { clock, tasks, deadlines, close } = start()
    const called: Array<number> = []
    const never = new Entry(1, () => called.push(1))
    deadlines.add(never, Infinity)
    expect(clock.slept).toEqual([])
    expect(deadlines.size()).toBe(0)
    deadlines.add(never, 1e6)
    deadlines.update(never, Infinity)
    expect(deadlines.size()).toBe(0)
    expect(never.deadlineAt).toBe(Infinity)
    deadlines.add(new Entry(2, () => called.push(2)), 2 ** 32 * 1e6)
    clock.moveTo(2n ** 32n * 1_000_000n - 1n, tasks.drain)
    expect(called).toEqual([])
    clock.moveTo(2n ** 32n * 1_000_000n, tasks.drain)
    expect(called).toEqual([2])
    expect(() => deadlines.add(new Entry(3, () => {}), NaN)).toThrow("a deadline must be a number")
    close()
  })

  it("lets an entry add itself again from its own call, without starving anybody", () => {
    const { clock, tasks, deadlines, close } = start()
    const called: Array<string> = []
    deadlines.add(
      new Entry(1, (entry) => {
        if (called.length === 0) tasks.scheduleTask(() => called.push("a fiber"))
        called.push("repeats")
        if (called.length < 5) deadlines.add(entry, 0)
      }),
      1e6
    )
    deadlines.add(new Entry(2, () => called.push("once")), 1e6)
    clock.moveTo(1_000_000n, tasks.drain)
    expect(called).toEqual(["repeats", "once", "a fiber", "repeats", "repeats"])
    close()
  })

  it.scoped("calls at the exact instant under TestClock, in the order of insertion at ties", () =>
    Effect.gen(function* () {
      const deadlines = yield* Deadlines.make
      const called: Array<readonly [number, number]> = []
      const add = (name: number, millis: number) =>
        deadlines.add(new Entry(name, () => called.push([name, deadlines.now() / 1e6])), millis * 1e6)
      add(1, 3000)
      add(2, 1000)
      add(3, 3000)
      add(4, 500)
      yield* TestClock.adjust("1 minute")
      expect(called).toEqual([
        [4, 500],
        [2, 1000],
        [1, 3000],
        [3, 3000]
      ])
    })
  )

  it.scoped("reports what throws, and goes on with the rest", () =>
    Effect.gen(function* () {
      const logged: Array<string> = []
      const logger = Logger.make(({ cause, message }) => {
        logged.push(`${String(message)}: ${String(cause)}`)
      })
      const deadlines = yield* Deadlines.make.pipe(Effect.provide(Logger.replace(Logger.defaultLogger, logger)))
      const called: Array<number> = []
      deadlines.add(
        new Entry(1, () => {
          throw new Error("boom")
        }),
        1e6
      )
      deadlines.add(new Entry(2, () => called.push(2)), 1e6)
      deadlines.add(new Entry(3, () => called.push(3)), 2e6)
      yield* TestClock.adjust("2 millis")
      expect(called).toEqual([2, 3])
      expect(logged).toHaveLength(1)
      expect(logged[0]).toMatch(/^What was to happen at a deadline failed; other deadlines go on: .*boom/s)
    })
  )

  it.effect("ends with its scope even when it was made in an uninterruptible region", () =>
    Effect.gen(function* () {
      const fiber = yield* Effect.fork(
        Effect.uninterruptible(
          Effect.scoped(Effect.map(Deadlines.make, (deadlines) => deadlines.add(new Entry(1, () => {}), 1e12)))
        )
      )
      yield* TestClock.adjust("1 millis")
      expect(fiber.unsafePoll()).not.toBe(null)
      yield* Fiber.join(fiber)
    })
  )
})
