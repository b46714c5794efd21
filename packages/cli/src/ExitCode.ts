/**
 * What the process's exit code says.
 *
 * @since 0.1.0
 */
import * as Predicate from "effect/Predicate"

/** @since 0.1.0 @category constants */
export const fine = 0
/** A call failed, or the tool said `isError`. @since 0.1.0 @category constants */
export const failed = 1
/** Usage or configuration: nothing was called. @since 0.1.0 @category constants */
export const usage = 2
/** Ended by a signal; as shells count it. @since 0.1.0 @category constants */
export const interrupted = 130

const usageTags = new Set([
  "UsageError",
  "NoConfig",
  "NotTrusted",
  "UnknownTool",
  "UnknownServer",
  "InvalidArguments",
  "PartitionMissing",
  "ToolDenied",
  "TaskMismatch",
  "ConfigError",
  "PoolConfigError",
  "ValidationError"
])

/**
 * The exit code for an error.
 *
 * @since 0.1.0
 * @category combinators
 */
export const of = (error: unknown): number =>
  Predicate.hasProperty(error, "_tag") && Predicate.isString(error._tag) && usageTags.has(error._tag) ? usage : failed
