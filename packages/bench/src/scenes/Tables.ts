/** Tables of what scenes have measured, with a row for each subject, those that failed among them. */
import * as Either from "effect/Either"
import type { Failed, Report, Scenario } from "../Goal.js"
import { type Figure, figure } from "../Rounds.js"

/** A row of a table: figures, or why there are none. */
export type Row = Either.Either<Figure, Failed>

/** Of values that were measured one round after the other. */
export const row = (name: string, samples: ReadonlyArray<number>): Row => Either.right(figure(name, samples))

/** Of subjects that may have failed. */
export const rowOf = <A>(
  name: string,
  tried: Either.Either<A, Failed>,
  samples: (value: A) => number | ReadonlyArray<number>
): Row => Either.map(tried, (value) => figure(name, [samples(value)].flat()))

export const scenario = (name: string, unit: string, rows: ReadonlyArray<Row>): Scenario => {
  const failed = rows.flatMap((row) => (Either.isLeft(row) ? [row.left] : []))
  return {
    name,
    unit,
    figures: rows.flatMap((row) => (Either.isRight(row) ? [row.right] : [])),
    ...(failed.length === 0 ? {} : { failed })
  }
}

/** Reports of one benchmark as one. */
export const joined = (reports: ReadonlyArray<Report>): Report => ({
  goals: reports.flatMap(({ goals }) => goals),
  scenarios: reports.flatMap(({ scenarios }) => scenarios),
  curves: reports.flatMap(({ curves }) => curves ?? []),
  subjects: reports.flatMap(({ subjects }) => subjects ?? [])
})
