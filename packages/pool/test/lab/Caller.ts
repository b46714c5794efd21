/** What a caller does: it takes a share, holds it until it is told to go on, and gives it back. */
import * as Effect from "effect/Effect"
import * as KeyedPool from "effect/KeyedPool"
import type { Lease, Pool, PoolError } from "@mooring/pool"
import type { Acquire } from "./Acquire.js"
import type { ConnectRefused } from "./Behaviour.js"
import type { Model } from "./Model.js"
import type { Thing } from "./Unit.js"

/** A pool that is put to the test. */
export type Subject = Pool.Pool<string, Thing, ConnectRefused>

export const take = (
  model: Model,
  pool: Subject,
  acquire: Acquire
): Effect.Effect<unknown, ConnectRefused | PoolError.PoolError> => {
  const hold = Effect.async<unknown, ConnectRefused | PoolError.PoolError>((resume) => {
    acquire.resume = resume
  })
  const returns = Effect.sync(() => model.returns(acquire))
  if (acquire.how === "use") {
    return pool.use(acquire.key, (thing) => {
      model.granted(acquire, thing, undefined)
      return Effect.ensuring(hold, returns)
    })
  }
  const held = (
    thing: Thing,
    lease: Lease.Lease<Thing> | undefined,
    restore: <A, E>(effect: Effect.Effect<A, E>) => Effect.Effect<A, E>
  ) => {
    model.granted(acquire, thing, lease)
    return Effect.ensuring(restore(hold), returns)
  }
  return Effect.scoped(
    Effect.uninterruptibleMask((restore) => {
      if (acquire.how === "get") {
        return Effect.flatMap(restore(KeyedPool.get(pool, acquire.key)), (thing) => held(thing, undefined, restore))
      }
      const lease = acquire.exclusive ? pool.exclusive(acquire.key) : pool.lease(acquire.key)
      return Effect.flatMap(restore(lease), (lease) => held(lease.item, lease, restore))
    })
  )
}
