/** A subject of a scene, in a process of its own. What it cannot do is a value: the scene shows it, and goes on. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Forked from "../calls/Forked.js"
import type { Settings } from "../calls/Settings.js"
import type { Target } from "../calls/Subject.js"
import type { Failed } from "../Goal.js"
import { type Act, Outcome } from "./Act.js"

/** Who plays in a scene. */
export interface Role {
  readonly name: string
  /** Its file in `subjects/`. */
  readonly file: string
  readonly settings?: Settings
}

export interface Player {
  readonly name: string
  /** Dies when the subject cannot do this at all; calls that fail are in the outcome. */
  readonly play: (act: Act) => Effect.Effect<Outcome>
}

/** Starts the subject's process. Its client opens with the first act. Servers are named by their place. */
export const open = (
  { file, name, settings = {} }: Role,
  ...targets: ReadonlyArray<Target>
): Effect.Effect<Player, never, Scope.Scope> =>
  Effect.map(
    Forked.start(
      "scenes/main",
      [file, JSON.stringify(targets), JSON.stringify(settings)],
      Schema.Struct({ ready: Schema.Literal(true) }),
      // The SDK's client would write a warning for each listener too many, thousands of them, and pay for that.
      { env: { NODE_NO_WARNINGS: "1" } }
    ),
    ([, process]): Player => ({ name, play: (act) => process.ask(act, Outcome) })
  )

/** What a subject came to, or why it came to nothing. */
export const attempt = <A>(name: string, effect: Effect.Effect<A>): Effect.Effect<Either.Either<A, Failed>> =>
  Effect.matchCauseEffect(effect, {
    onSuccess: (value) => Effect.succeed(Either.right(value)),
    onFailure: (cause) =>
      Cause.isInterruptedOnly(cause)
        ? Effect.failCause(cause)
        : Effect.succeed(Either.left({ name, error: said(Cause.squash(cause)) }))
  })

const said = (error: unknown): string => (error instanceof Error ? error.message : String(error))
