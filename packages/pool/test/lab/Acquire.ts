/** One acquire of a generated run, from its first moment to its last, as its caller sees it. */
import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type { Lease, PoolError } from "@mooring/pool"
import type { ConnectRefused } from "./Behaviour.js"
import type { Holder, Thing, Unit } from "./Unit.js"

/** By which operation the share is taken. */
export type How = "use" | "lease" | "get" | "exclusive"

export class Acquire implements Holder {
  state: "waiting" | "holding" | "done" = "waiting"
  readonly exclusive: boolean
  revoked = false
  unit: Unit | undefined
  lease: Lease.Lease<Thing> | undefined
  /** Lets the caller go on; it holds its share until then. */
  resume: ((effect: Effect.Effect<unknown, ConnectRefused | PoolError.PoolError>) => void) | undefined
  fiber: Fiber.RuntimeFiber<unknown, unknown> | undefined
  exit: Exit.Exit<unknown, unknown> | undefined
  grantedAt = Number.NaN
  endedAt = Number.NaN
  /** The pass in which it was granted; passes are counted from rest to rest. */
  grantedIn = -1
  /** The call that began it has returned; a share that comes now was waited for. */
  called = false
  returned = false
  cancelled = false
  /** When it began all was at rest. */
  calm = true
  /** When it began there was room for it in the queue. */
  mayWait = true
  discards = false
  /** Its fiber holds another lease meanwhile. */
  nested = false

  constructor(
    readonly id: number,
    readonly key: string,
    readonly how: How,
    readonly startedAt: number,
    /** When it must have ended. While no item is open, connecting may take longer than the acquire's own limit. */
    readonly deadline: number,
    readonly latestDeadline: number
  ) {
    this.exclusive = how === "exclusive"
  }
}
