/**
 * What stands before the path of each call of a tool: whether the tool may be called at all, and when. A call of a
 * server that has no such settings passes as if there were no gate.
 *
 * @since 0.1.0
 */
import { Deadlines } from "@mooring/pool"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { CallPath } from "./CallPath.js"
import { CallRate } from "./CallRate.js"
import { RateLimited, ToolDenied } from "./McpError.js"
import type { Partition, ServerKey } from "./ServerKey.js"
import type { Server } from "./Servers.js"

/**
 * @since 0.1.0
 * @category models
 */
export interface CallGate {
  /**
   * Lets a call of a tool pass: at once, or when its turn comes. Fails with `ToolDenied`, or with `RateLimited`. Not to
   * be asked where the server is not `gated`.
   */
  readonly admit: (server: Server, key: ServerKey, tool: string) => Effect.Effect<void, ToolDenied | RateLimited>
}

/**
 * The gate of a client. Those who wait at it wait on one timer, which ends with the scope.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<CallGate, never, Scope.Scope> = Effect.map(Deadlines.make, (deadlines) => {
  const rates = new Map<Server, Rates>()

  const turn = (server: Server, { partition }: ServerKey): CallRate["turn"] => {
    const { acquireTimeout, rateLimit } = server.settings
    if (rateLimit === undefined) return Effect.void
    let found = rates.get(server)
    if (found === undefined) {
      found = new Rates(() => new CallRate(rateLimit, acquireTimeout, deadlines))
      rates.set(server, found)
    }
    return found.of(partition).turn
  }

  return {
    admit: (server, key, tool) => {
      if (server.permits?.(tool) === false) return Effect.fail(new ToolDenied({ server: server.name, tool }))
      return Effect.mapError(
        Effect.suspend(() => turn(server, key)),
        (retryAfterMs) => new RateLimited({ server: key.toString(), tool, delivery: "NotSent", retryAfterMs })
      )
    }
  }
})

/**
 * A path of calls with a gate before it.
 *
 * @since 0.1.0
 * @category combinators
 */
export const guard = (path: CallPath, gate: CallGate): CallPath => ({
  run: (server, key, call) =>
    call.tool === undefined || !server.gated
      ? path.run(server, key, call)
      : Effect.zipRight(gate.admit(server, key, call.tool), path.run(server, key, call))
})

/** The rates of one server's partitions. One that is not used is as good as none, and goes when there are many. */
class Rates {
  private readonly rates = new Map<Partition, CallRate>()
  private most = 1000

  constructor(private readonly make: () => CallRate) {}

  of(partition: Partition): CallRate {
    const found = this.rates.get(partition)
    if (found !== undefined) return found
    if (this.rates.size >= this.most) {
      for (const [name, rate] of this.rates) if (rate.isUnused) this.rates.delete(name)
      // Looked through again only when they have doubled, so that it costs each call little.
      this.most = Math.max(1000, 2 * this.rates.size)
    }
    const rate = this.make()
    this.rates.set(partition, rate)
    return rate
  }
}
