/**
 * What is said of one call in several places: by the call itself, by its tool, by the server's configuration.
 *
 * @since 0.1.0
 */
import type { CallLimits } from "./McpConnection.js"

/**
 * What can be said of one call.
 *
 * @since 0.1.0
 * @category models
 */
export interface CallOptions extends CallLimits {
  /**
   * This call may run twice: when its connection is lost and it is unknown whether it ran, it is run again on another
   * connection (see `RetryPolicy`) instead of failing with `OutcomeUnknown`. Default: as the tool says, then the server's
   * settings for the tool, then its hints where `trustHints` is set, then false.
   */
  readonly mayRunTwice?: boolean | undefined
  /**
   * Whether `structuredContent` is checked against the `outputSchema` that the server declares for the tool: then a
   * result that does not fit fails with `InvalidResult`, and before anything is sent a schema that cannot be checked
   * with `OutputSchemaRefused`. Default: the server's `checkOutput` (false).
   */
  readonly checkOutput?: boolean | undefined
}

/**
 * What the first says, and where it says nothing, what the other does.
 *
 * @since 0.1.0
 * @category combinators
 */
export const firstOf = (
  first: CallOptions | undefined,
  otherwise: CallOptions | undefined
): CallOptions | undefined => {
  if (first === undefined) return otherwise
  if (otherwise === undefined) return first
  return {
    timeout: first.timeout ?? otherwise.timeout,
    totalTimeout: first.totalTimeout ?? otherwise.totalTimeout,
    onProgress: first.onProgress ?? otherwise.onProgress,
    mayRunTwice: first.mayRunTwice ?? otherwise.mayRunTwice,
    checkOutput: first.checkOutput ?? otherwise.checkOutput,
    handlers: first.handlers ?? otherwise.handlers
  }
}
