/**
 * Whose connections a call uses, where a server has some for each partition. Said once for a whole request, by
 * `McpClient.withPartition`; there is no partition unless one was said.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import type { Partition } from "./ServerKey.js"

/**
 * @since 0.1.0
 * @category references
 */
export class CurrentPartition extends Context.Reference<CurrentPartition>()("@mooring/mcp/CurrentPartition", {
  defaultValue: (): Partition | undefined => undefined
}) {}

/**
 * Runs an effect for a partition: every call in it to a server whose isolation is `perPartition` uses connections that
 * no other partition uses.
 *
 * @since 0.1.0
 * @category combinators
 */
export const withPartition: {
  (partition: Partition): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  <A, E, R>(self: Effect.Effect<A, E, R>, partition: Partition): Effect.Effect<A, E, R>
} = dual(2, <A, E, R>(self: Effect.Effect<A, E, R>, partition: Partition): Effect.Effect<A, E, R> =>
  Effect.provideService(self, CurrentPartition, partition)
)
