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

/** One measure of several subjects under one load. */
export interface Scenario {
  readonly name: string
  readonly unit: string
  readonly figures: ReadonlyArray<Figure>
  /** The subject that the others are compared with. Default: the first whose name begins with "Mooring". */
  readonly ours?: string
  /** The subject that no library can do for less. Default: the first whose name ends with "by hand". */
  readonly floor?: string
  /** Subjects that could not be measured, with what they said. They are shown, never left out. */
  readonly failed?: ReadonlyArray<Failed>
}

/** A subject that could not be measured. */
export interface Failed {
  readonly name: string
  readonly error: string
}

/** How a measure grows with something: one line for each subject, one value for each place on the axis. */
export interface Curve {
  readonly name: string
  readonly axis: { readonly name: string; readonly values: ReadonlyArray<number> }
  readonly unit: string
  /** `null` where a subject could not be measured. */
  readonly lines: ReadonlyArray<{ readonly name: string; readonly values: ReadonlyArray<number | null> }>
}

/** Who was measured: the version of what it is, and the settings that matter. */
export interface Measured {
  readonly name: string
  readonly version: string
  readonly settings: string
}

export interface Report {
  readonly goals: ReadonlyArray<Goal>
  readonly scenarios: ReadonlyArray<Scenario>
  readonly curves?: ReadonlyArray<Curve>
  readonly subjects?: ReadonlyArray<Measured>
}

export interface Options extends RoundsOptions {
  /** Whether the run may take long: more and longer rounds, everything that takes minutes. */
  readonly full: boolean
  /** What chance begins with. */
  readonly seed: number
}

export interface Benchmark {
  /** The goals that it measures; what comes from one run stands together. */
  readonly ids: ReadonlyArray<string>
  readonly title: string
  readonly run: (options: Options) => Effect.Effect<Report>
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
