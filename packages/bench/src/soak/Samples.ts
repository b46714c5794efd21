/** What the soak looks at: how much of everything there is, under load and at rest, and whether it grows. */
import type { PoolStats } from "@mooring/pool"
import { Resources } from "@mooring/testing/node"
import Table from "cli-table3"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import * as Struct from "effect/Struct"

export interface Sample {
  readonly second: number
  readonly phase: "load" | "rest"
  readonly calls: number
  readonly kills: number
  readonly heap: number
  readonly rss: number
  readonly descriptors: number
  readonly children: number
  readonly timers: number
  readonly fibers: number
  readonly open: number
  readonly waiting: number
  readonly connects: number
}

const mebi = 1024 * 1024

/** Heap in use after a collection. Bytes. */
const heap = Effect.gen(function* () {
  const { gc } = globalThis
  if (gc === undefined) return yield* Effect.dieMessage("The soak needs --expose-gc: start it by npm run soak")
  // What is only weakly held goes with the second one.
  for (let times = 0; times < 2; times++) {
    gc()
    yield* Effect.sleep("10 millis")
  }
  return process.memoryUsage().heapUsed
})

export const take = (
  about: Pick<Sample, "second" | "phase" | "calls" | "kills">,
  pool: PoolStats.PoolStats
): Effect.Effect<Sample> =>
  Effect.gen(function* () {
    const used = yield* heap
    const held = yield* Resources.snapshot
    const total = (kind: string) =>
      [...held].reduce((sum, [name, count]) => (name.startsWith(kind) ? sum + count : sum), 0)
    const { count: fibers } = yield* Metric.value(Metric.fiberActive)
    return {
      ...about,
      heap: used / mebi,
      rss: process.memoryUsage().rss / mebi,
      descriptors: total("descriptor"),
      children: total("child process"),
      timers: total("timer or handle Timeout"),
      fibers,
      open: pool.open,
      waiting: pool.waiting,
      connects: pool.connects
    }
  })

export const table = (samples: ReadonlyArray<Sample>): string => {
  const style = { head: [], border: [] }
  const head = [
    "s",
    "",
    "calls",
    "kills",
    "heap MiB",
    "RSS MiB",
    "fds",
    "processes",
    "timers",
    "fibers",
    "open",
    "connects"
  ]
  const shown = new Table({ head, style, colAligns: ["right", "left", ...head.slice(2).map(() => "right" as const)] })
  for (const one of samples) {
    shown.push([
      one.second.toFixed(0),
      one.phase,
      one.calls,
      one.kills,
      one.heap.toFixed(1),
      one.rss.toFixed(0),
      one.descriptors,
      one.children,
      one.timers,
      one.fibers,
      one.open,
      one.connects
    ])
  }
  return shown.toString()
}

/**
 * How much more heap than after the warm-up is no growth, and how fast a growth is none. A trend is told of the
 * second half of the rests, if that are enough: until then the compiler of Node keeps adding what it learns.
 */
export const heapBound = { mebibytes: 6, mebibytesPerMinute: 0.5, rests: 5 } as const

/** The trend of the heap at rest: the median of the slopes between any two samples. MiB per minute. */
export const trend = (rests: ReadonlyArray<Sample>): number | undefined => {
  const later = rests.slice(Math.floor(rests.length / 2))
  if (later.length < heapBound.rests) return undefined
  const slopes = later
    .flatMap((one, i) =>
      later.slice(i + 1).map((other) => (60 * (other.heap - one.heap)) / (other.second - one.second))
    )
    .toSorted((a, b) => a - b)
  return slopes[Math.floor(slopes.length / 2)]
}

/**
 * The pool has a fiber that sleeps until the next thing is to be done, and one for the deadlines of requests; either is
 * there or not.
 */
export const poolTimers = 2

/** The samples that were taken at rest. */
export const restsOf = (samples: ReadonlyArray<Sample>): ReadonlyArray<Sample> =>
  samples.filter(({ phase }) => phase === "rest")

/** What there is more of at the last rest than at the first: of things that are counted, so that one is too many. */
export const leftOver = (rests: ReadonlyArray<Sample>): ReadonlyArray<string> => {
  const first = rests[0]
  const last = rests.at(-1)
  if (first === undefined || last === undefined || first === last) return ["there are not two rests to compare"]
  const allowed = { descriptors: 0, children: 0, timers: poolTimers, fibers: poolTimers, open: 0, waiting: 0 } as const
  return Struct.keys(allowed).flatMap((what) =>
    last[what] > first[what] + allowed[what]
      ? [`${what}: ${first[what]} after the warm-up, ${last[what]} at the end`]
      : []
  )
}

/** What has grown between the first rest and the last, memory included. */
export const grown = (rests: ReadonlyArray<Sample>): ReadonlyArray<string> => {
  const first = rests[0]
  const last = rests.at(-1)
  const more = first === undefined || last === undefined ? 0 : last.heap - first.heap
  const slope = trend(rests) ?? 0
  return [
    ...leftOver(rests),
    ...(more > heapBound.mebibytes ? [`heap: ${more.toFixed(1)} MiB more than after the warm-up`] : []),
    ...(slope > heapBound.mebibytesPerMinute ? [`heap: it grows by ${slope.toFixed(2)} MiB a minute`] : [])
  ]
}
