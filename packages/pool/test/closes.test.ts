/** Every reason for which an item is closed is reached, and counted once: in the stats, in the events, as a metric. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Metric from "effect/Metric"
import * as MetricState from "effect/MetricState"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { describe, expect, it } from "@effect/vitest"
import { Lease, Pool, type PoolEvent, PoolMetrics, type PoolStats } from "@mooring/pool"
import { Counter } from "./lab/Bench.js"
import { Stage } from "./lab/Stage.js"

type Numbers = Pool.Pool<string, number, string>

interface Scene {
  readonly stage: Stage
  readonly pool: Numbers
  readonly handle: () => Pool.ItemHandle | undefined
  readonly close: () => void
  /** What the pool's `isOpen`, probes and acquires answer from now on. */
  readonly set: (answers: Partial<Answers>) => void
}

interface Answers {
  readonly open: boolean
  readonly healthy: boolean
  readonly connects: boolean
}

interface Way {
  readonly how: string
  readonly options?: Partial<Pool.PoolOptions<string, number, string, never>>
  readonly health?: Partial<Omit<NonNullable<Pool.PoolOptions<string, number, string, never>["health"]>, "probe">>
  readonly play: (scene: Scene) => void
}

const nothing = () => Effect.void
const borrow = ({ pool, stage }: Scene, key = "k") => stage.run(pool.use(key, nothing))

/** Borrows and gives back so that as many items as wanted are open at once. */
const fill = ({ pool, stage }: Scene, count: number) => {
  const scope = stage.run(Scope.make())
  for (let n = 0; n < count; n++) stage.run(Scope.extend(pool.lease("k"), scope))
  return () => stage.run(Scope.close(scope, Exit.void))
}

const ways: { readonly [R in PoolEvent.CloseReason]: ReadonlyArray<Way> } = {
  invalidated: [
    {
      how: "invalidated while it idles",
      play: (scene) => {
        borrow(scene)
        scene.stage.run(scene.pool.invalidate(1))
        scene.stage.run(scene.pool.invalidate(1))
      }
    },
    {
      how: "invalidated by who holds it, twice",
      play: ({ pool, stage }) =>
        stage.run(pool.use("k", (item) => Effect.zipRight(pool.invalidate(item), pool.invalidate(item))))
    }
  ],
  discarded: [
    {
      how: "given back with Discard",
      play: ({ pool, stage }) =>
        stage.run(
          Effect.scoped(Effect.flatMap(pool.lease("k"), (lease) => lease.decide(Lease.Discard("it answered nonsense"))))
        )
    }
  ],
  notOpen: [
    {
      how: "found closed on a borrow",
      play: (scene) => {
        borrow(scene)
        scene.set({ open: false })
        scene.stage.call(scene.pool.use("k", nothing))
        scene.set({ open: true })
        scene.stage.advance(1_000)
      }
    },
    {
      how: "found closed when it comes back",
      play: (scene) => {
        scene.stage.run(scene.pool.use("k", () => Effect.sync(() => scene.set({ open: false }))))
      }
    }
  ],
  unhealthy: [
    {
      how: "failing its probes on schedule",
      health: { schedule: Schedule.spaced(1_000), threshold: 2, onBorrow: false },
      play: (scene) => {
        borrow(scene)
        scene.set({ healthy: false })
        scene.stage.advance(2_999)
      }
    }
  ],
  invalid: [
    {
      how: "failing the check before a borrow",
      options: { config: { validationBypass: 100 } },
      health: { schedule: Schedule.stop },
      play: (scene) => {
        borrow(scene)
        scene.stage.advance(101)
        scene.set({ healthy: false })
        borrow(scene)
      }
    }
  ],
  unclean: [
    {
      how: "failing its reset after a borrow",
      options: { reset: { run: () => Effect.fail("still in a transaction") } },
      play: (scene) => {
        borrow(scene)
        scene.stage.settle()
      }
    },
    {
      how: "outlasting its reset's timeout",
      options: { reset: { run: () => Effect.never, timeout: 100 } },
      play: (scene) => {
        borrow(scene)
        scene.stage.advance(100)
      }
    }
  ],
  retired: [
    {
      how: "retired by its own handle, twice",
      play: (scene) => {
        borrow(scene)
        scene.handle()?.retire("the server says goodbye")
        scene.handle()?.retire("again")
        scene.stage.settle()
      }
    }
  ],
  expired: [
    {
      how: "past its lifetime",
      options: { config: { maxLifetime: 10_000, lifetimeJitter: 0 } },
      play: (scene) => {
        borrow(scene)
        scene.stage.advance(10_000)
      }
    }
  ],
  idle: [
    {
      how: "idle past its time to live",
      options: { config: { idleTimeToLive: 10_000 } },
      play: (scene) => {
        borrow(scene)
        scene.stage.advance(10_000)
      }
    }
  ],
  surplus: [
    { how: "more than maxIdle idle", options: { config: { max: 2, maxIdle: 1 } }, play: (scene) => fill(scene, 2)() },
    {
      how: "idle when max is lowered",
      options: { config: { max: 2 } },
      play: (scene) => {
        fill(scene, 2)()
        scene.stage.run(scene.pool.resize("k", { max: 1 }))
      }
    },
    {
      how: "busy when max is lowered",
      options: { config: { max: 2 } },
      play: (scene) => {
        const release = fill(scene, 2)
        scene.stage.run(scene.pool.resize("k", { max: 1 }))
        release()
      }
    }
  ],
  reclaimed: [
    {
      how: "idle while another key needs its place",
      options: { maxTotal: 1 },
      play: (scene) => {
        borrow(scene)
        borrow(scene, "other")
      }
    }
  ],
  drained: [
    {
      how: "idle when its key is drained",
      play: (scene) => {
        borrow(scene)
        scene.stage.run(scene.pool.drain("k"))
      }
    },
    {
      how: "busy when its key is drained, taken away at the deadline",
      play: (scene) => {
        const release = fill(scene, 1)
        scene.stage.fork(scene.pool.drain("k", 1_000))
        scene.stage.advance(1_000)
        release()
      }
    },
    {
      how: "opening when its key is drained",
      play: (scene) => {
        scene.set({ connects: false })
        const fiber = scene.stage.call(Effect.exit(scene.pool.use("k", nothing)))
        scene.stage.fork(scene.pool.suspend("k"))
        scene.stage.fork(scene.pool.drain("k"))
        scene.stage.settle()
        fiber.unsafeInterruptAsFork(fiber.id())
        scene.stage.settle()
      }
    }
  ],
  shutdown: [
    {
      how: "idle when the pool closes",
      play: (scene) => {
        borrow(scene)
        scene.close()
      }
    },
    {
      how: "busy when the pool closes, taken away at the deadline",
      options: { shutdownTimeout: 1_000 },
      play: (scene) => {
        const release = fill(scene, 1)
        scene.close()
        scene.stage.advance(1_000)
        release()
      }
    }
  ],
  connectFailed: [
    {
      how: "never opened",
      options: { isRetryable: () => false },
      play: (scene) => {
        scene.set({ connects: false })
        scene.stage.run(Effect.flip(scene.pool.use("k", nothing)))
      }
    },
    {
      how: "not open when it arrived",
      options: { config: { acquireTimeout: 1_000, connectTimeout: 1_000, backoff: { base: 5_000, max: 5_000 } } },
      play: (scene) => {
        scene.set({ open: false })
        scene.stage.call(Effect.exit(scene.pool.use("k", nothing)))
        scene.stage.settle()
      }
    }
  ]
}

const play = (reason: PoolEvent.CloseReason, way: Way): void => {
  const stage = new Stage({ seed: 1 })
  const items = new Counter()
  const answers: { -readonly [K in keyof Answers]: Answers[K] } = { open: true, healthy: true, connects: true }
  let handle: Pool.ItemHandle | undefined
  const scope = stage.run(Scope.make())
  const pool: Numbers = stage.run(
    Scope.extend(
      Pool.make<string, number, string, never>({
        acquire: (_, given) => {
          handle = given
          return Effect.suspend(() => (answers.connects ? items.acquire : Effect.fail("refused")))
        },
        isOpen: () => answers.open,
        ...(way.health === undefined
          ? {}
          : { health: { probe: () => (answers.healthy ? Effect.void : Effect.fail("sick")), ...way.health } }),
        seed: 1,
        ...way.options
      }),
      scope
    )
  )
  const events: Array<PoolEvent.PoolEvent> = []
  stage.fork(Stream.runForEach(pool.events, (event) => Effect.sync(() => events.push(event))))
  stage.settle()
  const closing = () => stage.fork(Scope.close(scope, Exit.void))
  way.play({
    stage,
    pool,
    handle: () => handle,
    close: () => {
      closing()
      stage.settle()
    },
    set: (more) => Object.assign(answers, more)
  })

  const stats: PoolStats.PoolStats = stage.run(pool.stats)
  expect(stats.closed).toEqual({ [reason]: 1 })
  const closed = events.flatMap((event) => (event._tag === "Closed" ? [event] : []))
  expect(closed).toEqual([expect.objectContaining({ key: "k", reason })])
  // Each that was open says before in words why it goes.
  for (const event of events) if (event._tag === "Draining") expect(event.detail.length).toBeGreaterThan(10)
  const name = `closes: ${reason}, ${way.how}`
  stage.run(Effect.scoped(PoolMetrics.report(pool, { name })))
  const counted = Object.keys(ways).flatMap((other) => {
    const count = stage.run(closedTotal(name, other))
    return count === 0 ? [] : [[other, count]]
  })
  expect(counted).toEqual([[reason, 1]])
  closing()
  stage.advance(3_600_000)
}

const closedTotal = (pool: string, reason: string): Effect.Effect<number> => {
  const counter = Metric.counter("mooring_pool_closed_total", {
    description: "Items closed, by reason",
    incremental: true
  })
  const tagged = counter.pipe(Metric.tagged("pool", pool), Metric.tagged("reason", reason))
  return Effect.map(Metric.value(tagged), (state) =>
    MetricState.isCounterState(state) ? Number(state.count) : Number.NaN
  )
}

describe("every close has exactly one reason", () => {
  for (const [reason, all] of Object.entries(ways)) {
    for (const way of all) {
      // The keys of `ways` are the reasons.
      it(`L30: ${reason}: ${way.how}`, () => play(reason as PoolEvent.CloseReason, way))
    }
  }
})
