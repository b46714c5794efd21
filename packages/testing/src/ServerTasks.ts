/**
 * The tasks of one connection of a server in memory: tools that run on while their calls are answered already. They belong
 * to the connection, as those of a process do, and end with it.
 *
 * @since 0.1.0
 */
import {
  type CallToolResult,
  type JSONRPCRequest,
  RELATED_TASK_META_KEY,
  type ServerCapabilities,
  type Task,
  type Tool
} from "@modelcontextprotocol/sdk/types.js"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as Predicate from "effect/Predicate"
import { page, Refusal } from "./TestOffer.js"

type Result = Record<string, unknown>

/** What a tool gives in the end: its result, or an error of JSON-RPC. */
type Outcome = Effect.Effect<CallToolResult, Refusal>

interface Running {
  task: Task
  readonly outcome: Deferred.Deferred<CallToolResult, Refusal>
  fiber: Fiber.RuntimeFiber<void> | undefined
}

/**
 * What a server declares that has tools which run as tasks. Nothing where it has none.
 *
 * @since 0.1.0
 * @category accessors
 */
export const declared = (tools: ReadonlyArray<Tool>): Pick<ServerCapabilities, "tasks"> =>
  tools.some(isTask) ? { tasks: { list: {}, cancel: {}, requests: { tools: { call: {} } } } } : {}

/**
 * Why a call of the tool is refused that wants it to run as a task (`asTask`), or not; `undefined` where it is not.
 *
 * @since 0.1.0
 * @category accessors
 */
export const mismatch = (tool: Tool, asTask: boolean): string | undefined => {
  if (asTask && !isTask(tool)) return `The tool ${tool.name} does not run as a task`
  return !asTask && tool.execution?.taskSupport === "required" ? `The tool ${tool.name} runs as a task only` : undefined
}

const isTask = ({ execution }: Tool): boolean =>
  execution?.taskSupport === "optional" || execution?.taskSupport === "required"

/**
 * @since 0.1.0
 * @category models
 */
export class ServerTasks<R> {
  private readonly tasks = new Map<unknown, Running>()

  constructor(private readonly fork: (effect: Effect.Effect<void, never, R>) => Fiber.RuntimeFiber<void>) {}

  /** Begins a task that runs `tool`, and gives what its call is answered. `tool` gets what tells how the task is doing. */
  begin(
    { params }: JSONRPCRequest,
    tool: (says: (statusMessage: string) => Effect.Effect<void>) => Effect.Effect<Outcome, never, R>
  ): Effect.Effect<Result, never, R> {
    return Effect.gen(this, function* () {
      const asked = Predicate.isRecord(params?.["task"]) ? params["task"]["ttl"] : undefined
      const now = yield* instant
      const taskId = `task-${this.tasks.size + 1}`
      const ttl = typeof asked === "number" ? asked : null
      const running: Running = {
        task: { taskId, status: "working", ttl, createdAt: now, lastUpdatedAt: now },
        outcome: yield* Deferred.make<CallToolResult, Refusal>(),
        fiber: undefined
      }
      this.tasks.set(taskId, running)
      const created = running.task
      const says = (statusMessage: string) => this.become(running, { statusMessage })
      running.fiber = this.fork(
        Effect.flatMap(tool(says), (outcome) =>
          Effect.matchEffect(outcome, {
            onFailure: (refusal) =>
              Effect.zipRight(
                this.become(running, { status: "failed", statusMessage: refusal.message }),
                Deferred.fail(running.outcome, refusal)
              ),
            onSuccess: (result) =>
              Effect.zipRight(
                this.become(running, { status: result.isError === true ? "failed" : "completed" }),
                Deferred.succeed(running.outcome, result)
              )
          })
        )
      )
      return { task: created }
    })
  }

  /** Answers a request; `undefined` where it is not about tasks. */
  answer({ method, params }: JSONRPCRequest, pageSize: number): Effect.Effect<Result, Refusal> | undefined {
    switch (method) {
      case "tasks/list":
        return page(
          "tasks",
          [...this.tasks.values()].map(({ task }) => task),
          pageSize,
          params?.["cursor"]
        )
      case "tasks/get":
        return Effect.map(this.find(params), ({ task }) => ({ ...task }))
      case "tasks/result":
        return Effect.flatMap(this.find(params), ({ outcome, task: { taskId } }) =>
          Effect.map(Deferred.await(outcome), (result) => ({
            ...result,
            _meta: { ...result._meta, [RELATED_TASK_META_KEY]: { taskId } }
          }))
        )
      case "tasks/cancel":
        return Effect.flatMap(this.find(params), (running) => this.cancel(running))
      default:
        return undefined
    }
  }

  private find(params: JSONRPCRequest["params"]): Effect.Effect<Running, Refusal> {
    return Effect.suspend(() => {
      const running = this.tasks.get(params?.["taskId"])
      return running === undefined ? refuse("Task not found") : Effect.succeed(running)
    })
  }

  private cancel(running: Running): Effect.Effect<Result, Refusal> {
    return Effect.suspend(() => {
      const { status } = running.task
      if (status !== "working") return refuse(`Cannot cancel a task that is ${status}`)
      running.fiber?.unsafeInterruptAsFork(FiberId.none)
      return this.become(running, { status: "cancelled" }).pipe(
        Effect.zipRight(Deferred.fail(running.outcome, new Refusal(invalidParams, "The task was cancelled"))),
        Effect.map(() => ({ ...running.task }))
      )
    })
  }

  /** One that has ended stays as it is. */
  private become(running: Running, change: Partial<Task>): Effect.Effect<void> {
    return Effect.map(instant, (lastUpdatedAt) => {
      if (running.task.status === "working") running.task = { ...running.task, ...change, lastUpdatedAt }
    })
  }
}

const invalidParams = -32602

const refuse = (reason: string) => Effect.fail(new Refusal(invalidParams, reason))

const instant = Effect.map(Clock.currentTimeMillis, (now) => new Date(now).toISOString())
