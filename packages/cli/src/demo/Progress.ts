/**
 * How the demo shows that it is at work: a bar on a terminal, plain lines elsewhere; always on stderr. An edge file:
 * the bar draws on the process's own stream.
 *
 * @since 0.1.0
 */
import { Presets, SingleBar } from "cli-progress"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { Output } from "../Output.js"

/**
 * @since 0.1.0
 * @category models
 */
export interface Progress {
  /** A part of the work begins: its title, and how many steps it has. */
  readonly begin: (title: string, total: number) => Effect.Effect<void>
  /** A step is done. */
  readonly step: Effect.Effect<void>
  /** The part is over; what came of it. */
  readonly end: (outcome: string) => Effect.Effect<void>
}

const lines = (note: (text: string) => Effect.Effect<void>): Progress => {
  let title = ""
  let done = 0
  let total = 0
  return {
    begin: (next, steps) =>
      Effect.suspend(() => {
        title = next
        done = 0
        total = steps
        return note(`${title} ...`)
      }),
    step: Effect.suspend(() => {
      done++
      // Long parts say where they are, so that a log shows them alive.
      return total >= 1000 && done < total && done % Math.ceil(total / 4) === 0
        ? note(`${title}: ${done} of ${total}`)
        : Effect.void
    }),
    end: (outcome) => Effect.suspend(() => note(`${title}: ${outcome}`))
  }
}

const bar = (note: (text: string) => Effect.Effect<void>): Effect.Effect<Progress, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(
        () =>
          new SingleBar(
            {
              format: "{bar} {percentage}% {title}",
              barsize: 24,
              hideCursor: true,
              clearOnComplete: true,
              stream: process.stderr
            },
            Presets.shades_classic
          )
      ),
      // Gives the cursor back, also in the middle of a part.
      (drawn) => Effect.sync(() => drawn.stop())
    ),
    (drawn) => {
      let title = ""
      return {
        begin: (next, total) =>
          Effect.sync(() => {
            title = next
            drawn.start(total, 0, { title })
          }),
        step: Effect.sync(() => drawn.increment()),
        end: (outcome) =>
          Effect.suspend(() => {
            drawn.stop()
            return note(`${title}: ${outcome}`)
          })
      }
    }
  )

/**
 * What fits the process's stderr.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<Progress, never, Output | Scope.Scope> = Effect.flatMap(Output, (output) =>
  output.columns === undefined ? Effect.succeed(lines(output.note)) : bar(output.note)
)

/**
 * Shows nothing.
 *
 * @since 0.1.0
 * @category constructors
 */
export const silent: Progress = { begin: () => Effect.void, step: Effect.void, end: () => Effect.void }
