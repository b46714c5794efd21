/** What a benchmark reports: its goals, measured against what they ask for, and the figures behind them. */
import type * as Effect from "effect/Effect"
import type { Figure, RoundsOptions } from "./Rounds.js"

export interface Goal {
  readonly id: string
  readonly measured: number
  /** The limit: an upper one, unless `atLeast`. */
  readonly goal: number
  readonly atLeast?: true
  readonly unit: string
  readonly met: boolean
  readonly how: string
}

export interface Scenario {
  readonly name: string
  readonly unit: string
  readonly figures: ReadonlyArray<Figure>
}

export interface Report {
  readonly goals: ReadonlyArray<Goal>
  readonly scenarios: ReadonlyArray<Scenario>
}

export interface Benchmark {
  /** The goals that it measures; what comes from one run stands together. */
  readonly ids: ReadonlyArray<string>
  readonly title: string
  readonly run: (options: RoundsOptions) => Effect.Effect<Report>
}

/** A goal that is met by not being above a limit. */
export const atMost = (id: string, measured: number, goal: number, unit: string, how: string): Goal => ({
  id,
  measured,
  goal,
  unit,
  met: measured <= goal,
  how
})

/** A goal that is met by not being below a limit. */
export const atLeast = (id: string, measured: number, goal: number, unit: string, how: string): Goal => ({
  id,
  measured,
  goal,
  atLeast: true,
  unit,
  met: measured >= goal,
  how
})
