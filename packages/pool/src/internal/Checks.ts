/** Checks of settings, each refusing nonsense with an error that names the key and the field. */
import * as Duration from "effect/Duration"
import { PoolConfigError } from "../PoolError.js"

/** Throws `PoolConfigError`; whoever uses it turns that into a failure. */
export const checks = (key: string | undefined) => {
  const refuse = (field: string, reason: string) => new PoolConfigError({ key, field, reason })
  const whole = (field: string, value: number, least: number): number => {
    if (Number.isInteger(value) && value >= least) return value
    throw refuse(field, `must be a whole number of at least ${least}, not ${value}`)
  }
  return {
    refuse,
    whole,
    /** A whole number, or `Infinity` for no limit. */
    limit: (field: string, value: number, least: number): number =>
      value === Infinity ? value : whole(field, value, least),
    /** A duration in nanoseconds. */
    nanos: (field: string, input: Duration.DurationInput | undefined, otherwise: number): number => {
      if (input === undefined) return otherwise
      // `Duration.decode` turns NaN and negative numbers silently into zero.
      const negative = typeof input === "number" ? !(input >= 0) : typeof input === "bigint" && input < 0n
      if (negative) throw refuse(field, `must be a duration of at least zero, not ${input}`)
      const duration = Duration.decodeUnknown(input)
      if (duration._tag === "None") throw refuse(field, `is not a duration: ${String(input)}`)
      return Math.round(Duration.toMillis(duration.value) * 1e6)
    },
    /** A share of a whole. */
    share: (field: string, value: number): number => {
      if (!(value >= 0 && value <= 1)) throw refuse(field, `must lie between 0 and 1, not ${value}`)
      return value
    }
  }
}
