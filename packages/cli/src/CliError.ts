/**
 * What can go wrong in the command itself, one tag each. What goes wrong in a connection or a call is an `McpError`
 * or a `PoolError`; `ErrorText` has words for all of them.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"

/**
 * Something was typed that cannot be meant.
 *
 * @since 0.1.0
 * @category errors
 */
export class UsageError extends Data.TaggedError("UsageError")<{
  readonly reason: string
  /** What to type instead. */
  readonly hint: string
}> {
  override get message(): string {
    return this.reason
  }
}

/**
 * Neither `--config` nor a configuration going up from the working folder.
 *
 * @since 0.1.0
 * @category errors
 */
export class NoConfig extends Data.TaggedError("NoConfig")<{
  readonly folder: string
  /** The file names that were looked for. */
  readonly names: ReadonlyArray<string>
}> {
  override get message(): string {
    return `No configuration was found: none of ${this.names.join(", ")} in ${this.folder} or any folder above it.`
  }
}

/**
 * A configuration was merely found, and its content has not been accepted. Nothing of it was run.
 *
 * @since 0.1.0
 * @category errors
 */
export class NotTrusted extends Data.TaggedError("NotTrusted")<{
  readonly file: string
  /** Whether another content of this file was accepted before. */
  readonly changed: boolean
}> {
  override get message(): string {
    const why = this.changed ? "has changed since it was trusted" : "was found, but is not trusted"
    return `${this.file} ${why}. It names programs to run and addresses to send to, so nothing in it was used.`
  }
}

/**
 * The server has no tool of that name.
 *
 * @since 0.1.0
 * @category errors
 */
export class UnknownTool extends Data.TaggedError("UnknownTool")<{
  readonly server: string
  readonly tool: string
  readonly known: ReadonlyArray<string>
}> {
  override get message(): string {
    return `MCP server "${this.server}" has no tool "${this.tool}".`
  }
}

/**
 * Some of several servers failed; what and why was already said.
 *
 * @since 0.1.0
 * @category errors
 */
export class SomeFailed extends Data.TaggedError("SomeFailed")<{
  readonly failed: number
  readonly of: number
}> {
  override get message(): string {
    return `${this.failed} of ${this.of} servers failed.`
  }
}

/**
 * The demo cannot start, or did not come to what it should have. `reason` has all of it.
 *
 * @since 0.1.0
 * @category errors
 */
export class DemoError extends Data.TaggedError("DemoError")<{
  readonly reason: string
  readonly hint?: string | undefined
  readonly cause?: unknown
}> {
  override get message(): string {
    return this.reason
  }
}

/**
 * The result could not be written to stdout (a full disk). What was asked for may have been done all the same.
 *
 * @since 0.1.0
 * @category errors
 */
export class OutputFailed extends Data.TaggedError("OutputFailed")<{
  readonly cause: Error
}> {
  override get message(): string {
    return `The result could not be written to stdout: ${this.cause.message}`
  }
}

/**
 * @since 0.1.0
 * @category errors
 */
export type CliError = UsageError | NoConfig | NotTrusted | UnknownTool | SomeFailed | DemoError | OutputFailed
