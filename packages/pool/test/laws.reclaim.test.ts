import { FastCheck as fc } from "effect"
import * as Effect from "effect/Effect"
import { describe, expect } from "@effect/vitest"
import { onBench } from "./lab/Bench.js"
import { property } from "./lab/Law.js"

describe("the pool makes room", () => {
  property(
    "L13: room is taken from the group that holds most, and there from what was used least recently",
    fc.record({
      // One idle item per key, used last in this order.
      groups: fc.array(fc.constantFrom("a", "b", "c"), { minLength: 2, maxLength: 8 }),
      order: fc.infiniteStream(fc.nat(1_000)).map((stream) => stream)
    }),
    { runs: 200, offset: 213 },
    ({ groups, order }) => {
      const keys = groups.map((group, index) => `${group}${index}`)
      const ranked = keys.map((key) => ({ key, rank: order.next().value as number }))
      ranked.sort((one, other) => one.rank - other.rank)
      const closed: Array<string> = []
      onBench(
        () => ({
          acquire: (key: string) =>
            Effect.acquireRelease(Effect.succeed(key), () => Effect.sync(() => closed.push(key))),
          config: { max: 1, idleTimeToLive: 3_600_000 },
          maxTotal: keys.length,
          group: { of: (key) => key.slice(0, 1) }
        }),
        ({ stage, pool }) => {
          const use = (key: string) => stage.run(pool.use(key, () => Effect.void))
          for (const key of keys) {
            use(key)
            stage.advance(1)
          }
          for (const { key } of ranked) {
            use(key)
            stage.advance(1)
          }
          const sizes = new Map<string, number>()
          for (const group of groups) sizes.set(group, (sizes.get(group) ?? 0) + 1)
          const most = Math.max(...sizes.values())
          const victims = ranked.filter(({ key }) => sizes.get(key.slice(0, 1)) === most)
          use("z-newcomer")
          expect(closed).toHaveLength(1)
          // Among groups that hold the same, any will do; within it, the least recently used must go.
          const first = new Map<string, string>()
          for (const { key } of victims) if (!first.has(key.slice(0, 1))) first.set(key.slice(0, 1), key)
          expect([...first.values()]).toContain(closed[0])
        }
      )
    }
  )

  property(
    "L13: who wants room counts with what he wants and gives way at a tie, so two groups never take turns",
    fc.record({
      groups: fc.array(fc.constantFrom("a", "b", "c"), { minLength: 2, maxLength: 8 }),
      wants: fc.array(fc.constantFrom("a", "b", "c", "d"), { minLength: 1, maxLength: 6 })
    }),
    { runs: 200, offset: 513 },
    ({ groups, wants }) => {
      const open = new Map<string, number>()
      const count = (key: string, by: number) => open.set(key.slice(0, 1), (open.get(key.slice(0, 1)) ?? 0) + by)
      onBench(
        () => ({
          acquire: (key: string) =>
            Effect.acquireRelease(
              Effect.sync(() => count(key, 1)),
              () => Effect.sync(() => count(key, -1))
            ),
          config: { max: 1, idleTimeToLive: 3_600_000 },
          maxTotal: groups.length,
          group: { of: (key) => key.slice(0, 1) }
        }),
        ({ stage, pool }) => {
          const use = (key: string) => stage.run(pool.use(key, () => Effect.void))
          for (const [index, group] of groups.entries()) use(`${group}${index}`)
          for (const [index, group] of wants.entries()) {
            const before = new Map(open)
            use(`${group}-newcomer${index}`)
            const own = before.get(group) ?? 0
            const others = [...before].filter(([name]) => name !== group)
            const most = Math.max(0, ...others.map(([, held]) => held))
            // Where another holds more than who wants would then, the one that holds most gives.
            const givers = most > own + 1 ? others.filter(([, held]) => held === most).map(([name]) => name) : [group]
            const gave = [...open].filter(([name, held]) => held < (before.get(name) ?? 0)).map(([name]) => name)
            if (own === 0 && most <= 1) expect(gave).toHaveLength(1)
            else expect(givers).toContain(gave[0] ?? group)
          }
        }
      )
    }
  )

  property(
    "L13: a group at its quota takes room from itself, never from another group",
    fc.record({ quota: fc.integer({ min: 1, max: 4 }), others: fc.integer({ min: 1, max: 4 }) }),
    { runs: 50, offset: 313 },
    ({ quota, others }) => {
      const closed: Array<string> = []
      onBench(
        () => ({
          acquire: (key: string) =>
            Effect.acquireRelease(Effect.succeed(key), () => Effect.sync(() => closed.push(key))),
          config: { max: 1, idleTimeToLive: 3_600_000 },
          maxTotal: 100,
          group: { of: (key) => key.slice(0, 1), quota }
        }),
        ({ stage, pool }) => {
          const use = (key: string) => stage.run(pool.use(key, () => Effect.void))
          for (let n = 0; n < Math.min(others, quota); n++) use(`b${n}`)
          for (let n = 0; n < quota; n++) use(`a${n}`)
          use("a-newcomer")
          expect(closed).toEqual(["a0"])
        }
      )
    }
  )

  property(
    "L13: a key that cannot connect delays no other key",
    fc.record({ keys: fc.integer({ min: 2, max: 6 }), max: fc.integer({ min: 1, max: 3 }) }),
    { runs: 50, offset: 413 },
    ({ keys, max }) => {
      let served = 0
      onBench(
        () => ({
          acquire: (key: string) => (key === "k0" ? Effect.async<string>(() => {}) : Effect.succeed(key)),
          config: { max, connectTimeout: 1_000 }
        }),
        ({ stage, pool }) => {
          for (let n = 0; n < 5; n++) stage.call(pool.use("k0", () => Effect.void))
          for (let n = 1; n < keys; n++) stage.call(pool.use(`k${n}`, () => Effect.sync(() => (served += 1))))
          stage.settle()
          expect(served).toBe(keys - 1)
        }
      )
    }
  )
})
