/**
 * How a tool that runs as a task can fail besides as any call: one tag each, as in `McpError`. Each names the server, the
 * tool and the task, and holds no secret.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * The server's list of tools says that this one must be run as a task (`required`: use `callToolTask`), or cannot be
 * (`forbidden`: use `callTool`). Nothing was borrowed or sent.
 *
 * @since 0.1.0
 * @category errors
 */
export class TaskMismatch extends Schema.TaggedError<TaskMismatch>("@mooring/mcp/TaskMismatch")("TaskMismatch", {
  server: Schema.String,
  tool: Schema.String,
  support: Schema.Literal("required", "forbidden")
}) {
  override get message(): string {
    const which =
      this.support === "required"
        ? "runs as a task only: call it with callToolTask"
        : "cannot be run as a task: call it with callTool"
    return `Tool "${this.tool}" on MCP server "${this.server}" ${which}`
  }
}

/**
 * The process that a task ran in is gone, and the task with it; its tool may have done a part of its work. Over HTTP a task
 * outlives its connection, and this does not occur.
 *
 * @since 0.1.0
 * @category errors
 */
export class TaskLost extends Schema.TaggedError<TaskLost>("@mooring/mcp/TaskLost")("TaskLost", {
  server: Schema.String,
  tool: Schema.String,
  task: Schema.String,
  reason: Schema.String
}) {
  override get message(): string {
    return (
      `Task "${this.task}" of tool "${this.tool}" on MCP server "${this.server}" is gone with its connection: ` +
      `${this.reason}. It may have done a part of its work: look at the server's state before you call again.`
    )
  }
}

/**
 * A task has not ended in the time that its result was waited for. It goes on, unless `cancel` was asked for: its result can
 * be waited for again.
 *
 * @since 0.1.0
 * @category errors
 */
export class TaskTimeout extends Schema.TaggedError<TaskTimeout>("@mooring/mcp/TaskTimeout")("TaskTimeout", {
  server: Schema.String,
  tool: Schema.String,
  task: Schema.String,
  /** What the server said of it last. */
  status: Schema.String,
  /** How long it was waited for. Milliseconds. */
  timeoutMs: Schema.Number,
  /** Whether the server was asked to cancel it. */
  cancelled: Schema.Boolean
}) {
  override get message(): string {
    const then = this.cancelled
      ? "The server was asked to cancel it, but it may have done a part of its work."
      : "It goes on: wait for its result again, or cancel it."
    return (
      `Task "${this.task}" of tool "${this.tool}" on MCP server "${this.server}" has not ended within ` +
      `${this.timeoutMs} ms (it is "${this.status}"). ${then}`
    )
  }
}

/**
 * A task was cancelled, by us or by the server, and has no result. It may have done a part of its work.
 *
 * @since 0.1.0
 * @category errors
 */
export class TaskCancelled extends Schema.TaggedError<TaskCancelled>("@mooring/mcp/TaskCancelled")("TaskCancelled", {
  server: Schema.String,
  tool: Schema.String,
  task: Schema.String,
  /** What the server said of it. */
  reason: Schema.optional(Schema.String)
}) {
  override get message(): string {
    const said = this.reason === undefined ? "" : `: ${this.reason}`
    return `Task "${this.task}" of tool "${this.tool}" on MCP server "${this.server}" was cancelled${said}`
  }
}
