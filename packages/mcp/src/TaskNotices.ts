/**
 * What the server of one connection tells of its tasks by itself, for those who wait for one. It need not tell anything,
 * and what it tells may be dropped (`Limits.notificationsPerSecond`), so whoever waits asks as well. It belongs to its
 * connection, and holds nothing for a task that nobody waits for.
 *
 * @since 0.1.0
 */
import type { JSONRPCNotification, Task } from "@modelcontextprotocol/sdk/types.js"
import { Malformed } from "./Answer.js"
import type { Session } from "./Session.js"
import * as TaskRequest from "./TaskRequest.js"

/**
 * @since 0.1.0
 * @category models
 */
export class TaskNotices {
  private readonly hooks = new Map<string, Set<(task: Task) => void>>()
  private isListening = false

  constructor(private readonly session: Session) {}

  /** How many tasks somebody waits for. */
  get size(): number {
    return this.hooks.size
  }

  /** Calls `hook` with what the server tells of this task, until what this gives is called. */
  watch(taskId: string, hook: (task: Task) => void): () => void {
    if (!this.isListening) this.session.listen({ notification: (notification) => this.heard(notification) })
    this.isListening = true
    const hooks = this.hooks.get(taskId) ?? new Set()
    this.hooks.set(taskId, hooks.add(hook))
    return () => {
      hooks.delete(hook)
      if (hooks.size === 0 && this.hooks.get(taskId) === hooks) this.hooks.delete(taskId)
    }
  }

  private heard({ method, params }: JSONRPCNotification): void {
    if (method !== "notifications/tasks/status") return
    // An id that is none of these, whatever it is, finds nothing.
    const taskId = params?.["taskId"] as string
    const hooks = this.hooks.get(taskId)
    if (hooks === undefined) return
    const task = TaskRequest.status(taskId)(params)
    if (task instanceof Malformed) return
    for (const hook of hooks) hook(task)
  }
}
