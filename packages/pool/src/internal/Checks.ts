/** Checks of settings, each refusing nonsense with an error that names the key and the field. */
import * as Duration from "effect/Duration"
import * as Either from "effect/Either"
import { PoolConfigError } from "../PoolError.js"

/** What `make` gives, or the first of its checks that refused. */
export const checked = <A>(
  key: string | undefined,
  make: (checks: ReturnType<typeof checksOf>) => A
): Either.Either<A, PoolConfigError> => {
  try {
    return Either.right(make(checksOf(key)))
  } catch (error) {
    if (error instanceof PoolConfigError) return Either.left(error)
    throw error
  }
}

const checksOf = (key: string | undefined) => {
  const refuse = (field: string, reason: string) => new PoolConfigError({ key, field, reason })
  const whole = (field: string, value: number, least: number, orInfinity = ""): number => {
    if (Number.isInteger(value) && value >= least) return value
    throw refuse(field, `must be a whole number of at least ${least}${orInfinity}, not ${shown(value)}`)
  }
  return {
    refuse,
    whole,
    /** A whole number, or `Infinity` for no limit. */
    limit: (field: string, value: number, least: number): number =>
      value === Infinity ? value : whole(field, value, least, ", or Infinity"),
    /** A duration in nanoseconds. */
    nanos: (field: string, input: Duration.DurationInput | undefined, otherwise: number): number => {
      if (input === undefined) return otherwise
      if (isNegative(input)) throw refuse(field, `must be a duration of at least zero, not ${shown(input)}`)
      const duration = Duration.decodeUnknown(input)
      if (duration._tag === "None") throw refuse(field, `is not a duration: ${shown(input)}`)
      return Math.round(Duration.toMillis(duration.value) * 1e6)
    },
    /** A share of a whole. */
    share: (field: string, value: number): number => {
      if (!(value >= 0 && value <= 1)) throw refuse(field, `must lie between 0 and 1, not ${shown(value)}`)
      return value
    }
  }
}

// `Duration.decodeUnknown` turns NaN and what is negative silently into zero.
const isNegative = (input: Duration.DurationInput): boolean =>
  typeof input === "number"
    ? !(input >= 0)
    : typeof input === "bigint"
      ? input < 0n
      : typeof input === "string" && input.startsWith("-")

// Text in quotes: a "3" that came from JSON or the environment looks like a number otherwise.
const shown = (value: unknown): string => (typeof value === "string" ? JSON.stringify(value) : String(value))
