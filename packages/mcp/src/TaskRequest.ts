/**
 * What a client asks about tasks (https://modelcontextprotocol.io/specification/2025-11-25/basic/utilities/tasks), and
 * how the answers are read. Values only; `McpTask` and `McpClient` send them.
 *
 * @since 0.1.0
 */
import {
  type CallToolResult,
  CreateTaskResultSchema,
  GetTaskResultSchema,
  type Task,
  TaskSchema
} from "@modelcontextprotocol/sdk/types.js"
import * as Answer from "./Answer.js"
import type { McpList, McpRequest } from "./McpRequest.js"

/**
 * Every task that the server tells the caller of.
 *
 * @since 0.1.0
 * @category requests
 */
export const list: McpList<Task> = {
  method: "tasks/list",
  needs: "tasks.list",
  what: "tasks",
  most: (limits) => limits.entries,
  page: Answer.page("tasks", Answer.part(TaskSchema))
}

/**
 * Runs a tool as a task, which the server keeps for `ttlMs` milliseconds if it agrees.
 *
 * @since 0.1.0
 * @category requests
 */
export const call = (
  tool: string,
  args: Readonly<Record<string, unknown>> | undefined,
  ttlMs: number | undefined
): McpRequest<Task> => ({
  method: "tools/call",
  needs: "tasks.requests.tools.call",
  params: { name: tool, arguments: args, task: ttlMs === undefined ? {} : { ttl: ttlMs } },
  tool,
  answer: (result) => {
    const read = created(result)
    return read instanceof Answer.Malformed ? read : read.task
  }
})

/**
 * How a task is doing.
 *
 * @since 0.1.0
 * @category requests
 */
export const get = (taskId: string): McpRequest<Task> => ({
  method: "tasks/get",
  needs: "tasks",
  params: { taskId },
  answer: status(taskId)
})

/**
 * Ends a task. One that has ended is refused with −32602.
 *
 * @since 0.1.0
 * @category requests
 */
export const cancel = (taskId: string): McpRequest<Task> => ({
  method: "tasks/cancel",
  needs: "tasks.cancel",
  params: { taskId },
  answer: status(taskId)
})

/**
 * What the tool of a task gave. The server answers when the task has ended.
 *
 * @since 0.1.0
 * @category requests
 */
export const result = (taskId: string): McpRequest<CallToolResult> => ({
  method: "tasks/result",
  needs: "tasks",
  params: { taskId },
  answer: Answer.callTool
})

const created = Answer.fromSchema(CreateTaskResultSchema)

const anyStatus: Answer.Answer<Task> = Answer.fromSchema(GetTaskResultSchema)

/**
 * Reads how this task is doing. That of another is no answer.
 *
 * @since 0.1.0
 * @category readers
 */
export function status(taskId: string): Answer.Answer<Task> {
  return (result) => {
    const read = anyStatus(result)
    if (read instanceof Answer.Malformed || read.taskId === taskId) return read
    return new Answer.Malformed("taskId: it is not that of the task that was asked about")
  }
}
