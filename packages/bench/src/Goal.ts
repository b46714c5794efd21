/** What a benchmark reports: its goals, measured against what they ask for, and the figures behind them. */
import type * as Effect from "effect/Effect"
import type { Figure, RoundsOptions } from "./Rounds.js"

export interface Goal {
  readonly id: string
  readonly measured: number
  readonly goal: number
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
  readonly id: string
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
