/**
 * Effect's own `KeyedPool` behind the face of ours, as far as it goes, to see that the checks find its faults. What it
 * does not know does nothing; its numbers are those that the model expects, so that nothing is found in them.
 */
import * as Effect from "effect/Effect"
import * as KeyedPool from "effect/KeyedPool"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Pool } from "@mooring/pool"
import type { ConnectRefused } from "./Behaviour.js"
import type { Subject } from "./Caller.js"
import type { Thing } from "./Unit.js"

const nothing = {
  open: 0,
  idle: 0,
  connecting: 0,
  closing: 0,
  leases: 0,
  waiting: 0,
  started: 0,
  immediate: 0,
  waited: 0,
  failed: 0,
  cancelled: 0,
  released: 0,
  connects: 0,
  connectFailures: 0,
  closed: {},
  abandoned: 0,
  keys: []
}

export const effectKeyedPool = (
  options: Pool.PoolOptions<string, Thing, ConnectRefused, never>
): Effect.Effect<Subject, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { config } = options
    const of = (key: string) => (typeof config === "function" ? config(key) : config) ?? {}
    const handle: Pool.ItemHandle = {
      id: 0,
      retire: () => {},
      setConcurrency: () => {},
      alive: () => {},
      suspect: () => {},
      keep: () => () => {}
    }
    const pool = yield* KeyedPool.makeWithTTLBy({
      acquire: (key: string) => options.acquire(key, handle),
      min: () => 0,
      max: (key) => of(key).max ?? 1,
      timeToLive: (key) => of(key).idleTimeToLive ?? 300_000
    })
    const subject: Omit<Subject, keyof KeyedPool.KeyedPool<string, Thing, ConnectRefused>> = {
      use: (key, f) => Effect.scoped(Effect.flatMap(KeyedPool.get(pool, key), f)),
      useMasked: (restore, key, f) => Effect.scoped(Effect.flatMap(restore(KeyedPool.get(pool, key)), f)),
      lease: () => Effect.die(new Error("Effect's KeyedPool has no leases")),
      exclusive: () => Effect.die(new Error("Effect's KeyedPool has no leases")),
      warm: () => Effect.void,
      drain: () => Effect.void,
      suspend: () => Effect.void,
      resume: () => Effect.void,
      resize: () => Effect.void,
      refresh: () => Effect.void,
      keys: Effect.succeed([]),
      stats: Effect.succeed(nothing),
      keyStats: () => Effect.succeed(undefined),
      events: Stream.empty
    }
    // A KeyedPool with more on it: the type id and the rest come from its prototype.
    return Object.assign(Object.create(pool), subject) as Subject
  })
