/**
 * How calls follow what becomes of their server: what it was looked up by is its name, and what that stands for may have
 * changed before they are run, or on their way.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type { Call, CallError } from "./CallPath.js"
import type { ServerKey } from "./ServerKey.js"

/**
 * Finds out what a server's name stands for when its configuration has changed since a call was made.
 *
 * @since 0.1.0
 * @category models
 */
export interface Lookup<out E> {
  /** The key that the call has now. */
  readonly keyOf: (name: string) => Effect.Effect<ServerKey, E>
  /** Runs the call from its beginning, under the settings of now. */
  readonly restart: <A>(name: string, call: Call<A>) => Effect.Effect<A, CallError<E>>
}
