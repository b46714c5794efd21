/**
 * A tool that runs as a task: the server answers the call at once, and keeps the result until it is asked for. The handle
 * is a plain value: it holds no connection, each of its requests borrows one, so other calls go on meanwhile. The task
 * belongs to the server, which forgets it after its `ttl`.
 *
 * Where it is asked for: on the connection that made it, as long as that is open. When it is gone, a task of a process has
 * gone with it (`TaskLost`); over HTTP it is asked for on another connection of the same server and partition, and the
 * server says whether it still knows it. Whoever waits for its result keeps the connection. A task that nobody asks about
 * does not: a process that idles longer than its server's `idleTimeToLive` is ended, with what runs in it.
 *
 * @since 0.1.0
 */
import type { Pool } from "@mooring/pool"
import { type CallToolResult, ErrorCode, type Task } from "@modelcontextprotocol/sdk/types.js"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Call, CallError, CallOptions, Run } from "./CallPath.js"
import { closedReason } from "./internal/ClosedReason.js"
import type { CallLimits, McpConnection } from "./McpConnection.js"
import { ProtocolError } from "./McpError.js"
import type { McpRequest } from "./McpRequest.js"
import { RequestCall } from "./RequestCall.js"
import type { Server } from "./Servers.js"
import { TaskCancelled, TaskLost, TaskTimeout } from "./TaskError.js"
import * as TaskRequest from "./TaskRequest.js"
import { Around, type ToolCall } from "./ToolCall.js"

/**
 * What can be said of a call that runs as a task. Time limits are those of the request that begins it;
 * `handlers` answer what the server asks in the response to that, or to the request for the result.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends CallOptions {
  /** How long the server is to keep the task and its result. Default: as the server likes. */
  readonly ttl?: Duration.DurationInput | undefined
}

/**
 * What can be said of the wait for a result.
 *
 * @since 0.1.0
 * @category models
 */
export interface ResultOptions {
  /** How long to wait in all. Default: the server's `totalTimeout` (10 minutes). */
  readonly timeout?: Duration.DurationInput | undefined
  /**
   * Cancels the task when the wait is interrupted, or its time is over. Default false: a task is there to outlive those who
   * wait for it, and can be waited for again.
   */
  readonly cancel?: boolean | undefined
}

/**
 * How a request about a task can fail.
 *
 * @since 0.1.0
 * @category errors
 */
export type TaskCallError<E> = CallError<E> | TaskLost

/**
 * A task. `E` is how a connection can be missing.
 *
 * @since 0.1.0
 * @category models
 */
export interface McpTask<out E> {
  /** The server's own name for it. */
  readonly id: string
  readonly server: string
  readonly tool: string
  /** What the server said of it when it began. */
  readonly created: Task
  /** How it is doing now: asks the server. */
  readonly status: Effect.Effect<Task, TaskCallError<E>>
  /**
   * How it is doing, and whenever its `status` or `statusMessage` has changed since, until it has ended: completed, failed
   * or cancelled, which is the last that is told, and no failure of the stream. Asks as often as `result` does, and once
   * for all who read or wait. Ending it leaves the task as it is.
   */
  readonly changes: Stream.Stream<Task, TaskCallError<E>>
  /**
   * Waits until it has ended, and gives what its tool gave: `isError` is a value there. Asks how it is doing as often as the
   * server wants it (`pollInterval`, else every second; never more than ten times a second, nor less than once a minute),
   * and hears at once what the server tells of it by itself. Meanwhile the connection that made the task does not idle out;
   * what the task wants is asked for when no session has that for itself. May be waited for by many, and again. Fails
   * with `TaskTimeout` when its time is over, with `TaskCancelled` when it was cancelled, with `ProtocolError`
   * when it failed without a result.
   */
  readonly result: (
    options?: ResultOptions
  ) => Effect.Effect<CallToolResult, TaskCallError<E> | TaskTimeout | TaskCancelled>
  /** Cancels it, and gives how it is then: one that has ended already stays as it was. */
  readonly cancel: Effect.Effect<Task, TaskCallError<E>>
}

/**
 * Runs a tool as a task. `run` makes calls to the same server, for the same partition or in the same session.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <E>(
  server: Server,
  call: ToolCall,
  ttl: Duration.DurationInput | undefined,
  run: Run<E>
): Effect.Effect<McpTask<E>, CallError<E>> =>
  Effect.flatMap(run(new Creation(call, ttl === undefined ? undefined : Duration.toMillis(ttl))), (made) =>
    Effect.map(nowMs, (now) => new Live(server.settings, call, made, run, now))
  )

/** Between two looks at a task. Milliseconds; the second is what the SDK takes, too. */
const pollInterval = { atLeast: 100, usual: 1000, atMost: 60_000 } as const

const hasEnded = ({ status }: Task): boolean => status === "completed" || status === "failed" || status === "cancelled"

/** A task that was begun, and where. */
class Made {
  constructor(
    readonly task: Task,
    readonly connection: McpConnection
  ) {}

  /** Whether the task cannot be there any more. */
  get isGone(): boolean {
    return !this.connection.isOpen() && this.connection.network !== "tcp"
  }
}

class Creation extends Around<CallToolResult, Made> {
  readonly task = "begins"

  constructor(
    private readonly toolCall: ToolCall,
    private readonly ttlMs: number | undefined
  ) {
    super(toolCall)
  }

  override perform(restore: Pool.Restore, connection: McpConnection, limits: CallLimits | undefined) {
    const { args, tool } = this.toolCall
    return Effect.map(
      restore(connection.ask(TaskRequest.call(tool, args, this.ttlMs), limits)),
      // Later requests belong to other traces.
      (task) => new Made(task, connection.traced({ meta: undefined }))
    )
  }
}

/** A request about a task, on the connection that made it as long as that is open. */
class TaskCall<A> extends RequestCall<A> {
  constructor(
    private readonly made: Made,
    request: McpRequest<A>,
    limits?: CallOptions
  ) {
    super(request, limits)
  }

  override perform(restore: Pool.Restore, connection: McpConnection, limits: CallLimits | undefined) {
    // It has another process by now, which is not asked about what it cannot know.
    if (this.made.isGone) return this.refused(connection)
    return super.perform(restore, this.isElsewhere(connection) ? this.made.connection : connection, limits)
  }

  /** Whether what was borrowed is not what made the task, which is still there. */
  protected isElsewhere({ counters }: McpConnection): boolean {
    const { connection: maker } = this.made
    // Views of one connection have its counters in common. The one that was borrowed belongs to the current trace.
    return maker.isOpen() && maker.counters !== counters
  }

  private refused({ key }: McpConnection): Effect.Effect<never, ProtocolError> {
    const { method } = this
    const reason = "the task is gone with its process"
    return Effect.fail(new ProtocolError({ server: key.toString(), method, code: ErrorCode.InvalidParams, reason }))
  }
}

/** The result of the tool, which is checked as that of a plain call is; `undefined` where it cannot be asked for just now. */
class Collection extends TaskCall<CallToolResult | undefined> {
  readonly task = "collects"

  constructor(
    private readonly maker: Made,
    readonly tool: string,
    limits: CallOptions,
    /** The server may ask something first. */
    private readonly wants: boolean
  ) {
    super(maker, TaskRequest.result(maker.task.taskId), limits)
  }

  override perform(restore: Pool.Restore, connection: McpConnection, limits: CallLimits | undefined) {
    // What the server asks for this task's sake would be asked of whoever has its connection in a session.
    return this.wants && this.isElsewhere(connection) && this.maker.connection.isHandled()
      ? Effect.succeed(undefined)
      : super.perform(restore, connection, limits)
  }

  toolResult(given: CallToolResult | undefined): CallToolResult | undefined {
    return given
  }
}

class Live<E> implements McpTask<E> {
  readonly id: string
  readonly server: string
  readonly tool: string
  readonly created: Task
  readonly status: McpTask<E>["status"]
  readonly changes: McpTask<E>["changes"]
  readonly cancel: McpTask<E>["cancel"]
  /** What the server said of it last, and when it was asked. Milliseconds. */
  private known: Task
  private askedAt: number

  constructor(
    private readonly settings: Server["settings"],
    private readonly call: ToolCall,
    private readonly made: Made,
    private readonly run: Run<E>,
    now: number
  ) {
    const { connection, task } = made
    this.id = task.taskId
    this.server = connection.key.toString()
    this.tool = call.tool
    this.created = task
    this.known = task
    this.askedAt = now
    this.status = Effect.flatMap(nowMs, (now) => {
      this.askedAt = now
      return this.noted(this.ask(new TaskCall(made, TaskRequest.get(this.id))))
    })
    this.changes = Stream.unwrapScoped(
      Effect.map(
        Effect.suspend(() => this.following()),
        (told) =>
          Stream.unfoldEffect(undefined, (said: Task | undefined) =>
            said !== undefined && hasEnded(said)
              ? Effect.succeedNone
              : Effect.asSome(Effect.map(this.after(said, told), (task) => [task, task] as const))
          )
      )
    )
    this.cancel = Effect.catchAll(this.noted(this.ask(new TaskCall(made, TaskRequest.cancel(this.id)))), (error) =>
      // It has ended already, as its status says; what the server does not know at all, that refuses, too.
      error instanceof ProtocolError && error.code === ErrorCode.InvalidParams ? this.status : Effect.fail(error)
    )
  }

  result(options: ResultOptions = {}): ReturnType<McpTask<E>["result"]> {
    const cancelled = options.cancel === true
    const duration = Duration.decode(options.timeout ?? this.settings.totalTimeout)
    const waiting = Effect.timeoutFail(this.outcome, {
      duration,
      onTimeout: () =>
        new TaskTimeout({
          ...this.what,
          status: this.known.status,
          timeoutMs: Duration.toMillis(duration),
          cancelled
        })
    })
    if (!cancelled) return waiting
    return Effect.onError(waiting, (cause) => {
      const failure = Cause.failureOption(cause)
      const isLate = failure._tag === "Some" && failure.value instanceof TaskTimeout
      return isLate || Cause.isInterrupted(cause) ? this.cancelDetached : Effect.void
    })
  }

  private readonly outcome: ReturnType<McpTask<E>["result"]> = Effect.scoped(
    Effect.flatMap(
      Effect.suspend(() => this.following()),
      (told) => this.waited(told)
    )
  )

  private waited(told: Queue.Dequeue<void>): ReturnType<McpTask<E>["result"]> {
    return Effect.flatMap(this.untilEnded(told), () =>
      Effect.flatMap(this.collected, (result) =>
        result === undefined
          ? Effect.zipRight(Effect.zipRight(Effect.sleep(pollInterval.usual), this.status), this.waited(told))
          : Effect.succeed(result)
      )
    )
  }

  /** Hears of the task on the connection that made it, and keeps that. Something is taken when the server has told. */
  private following(): Effect.Effect<Queue.Dequeue<void>, never, Scope.Scope> {
    const followed = Effect.acquireRelease(
      Effect.map(Queue.sliding<void>(1), (told) => ({ told, stop: this.follow(told) })),
      ({ stop }) => Effect.sync(stop)
    )
    return Effect.map(followed, ({ told }) => told)
  }

  private follow(told: Queue.Enqueue<void>): () => void {
    const { connection } = this.made
    const letGo = connection.keep()
    const unhook = connection.onTask(this.id, (task) => {
      this.note(task)
      told.unsafeOffer(undefined)
    })
    return () => {
      unhook()
      letGo()
    }
  }

  /** Until it has ended; or wants something of us, which the server asks for when it is asked for the result. */
  private untilEnded(told: Queue.Dequeue<void>): Effect.Effect<void, TaskCallError<E>> {
    return Effect.gen(this, function* () {
      while (!hasEnded(this.known) && this.known.status !== "input_required") yield* this.look(told)
    })
  }

  /** How it is doing when that is not what was said. */
  private after(said: Task | undefined, told: Queue.Dequeue<void>): Effect.Effect<Task, TaskCallError<E>> {
    return Effect.gen(this, function* () {
      if (said === undefined) return hasEnded(this.known) || (yield* this.pause) > 0 ? this.known : yield* this.status
      while (this.known.status === said.status && this.known.statusMessage === said.statusMessage)
        yield* this.look(told)
      return this.known
    })
  }

  /** Asks how it is doing, or waits until it is time to: somebody else may have asked by then, or the server has told. */
  private look(told: Queue.Dequeue<void>): Effect.Effect<void, TaskCallError<E>> {
    return Effect.flatMap(this.pause, (pause) =>
      pause > 0 ? Effect.asVoid(Effect.timeoutOption(Queue.take(told), Math.ceil(pause))) : Effect.asVoid(this.status)
    )
  }

  /** Until it may be asked about again. Milliseconds. */
  private readonly pause = Effect.map(nowMs, (now) => this.askedAt + intervalOf(this.known) - now)

  private get collected(): Effect.Effect<CallToolResult | undefined, TaskCallError<E> | TaskCancelled> {
    if (this.known.status === "cancelled") return this.wasCancelled(this.known)
    // The server answers when it has ended, and nobody knows when a person has answered.
    const wants = !hasEnded(this.known)
    const patience = wants ? Duration.infinity : undefined
    const { checkOutput, handlers } = this.call.limits ?? {}
    const limits = { timeout: patience, totalTimeout: patience, checkOutput, handlers }
    const asked = this.ask(new Collection(this.made, this.tool, limits, wants))
    return Effect.catchAll(asked, (error): Effect.Effect<never, TaskCallError<E> | TaskCancelled> => {
      if (!(error instanceof ProtocolError)) return Effect.fail(error)
      const now = Effect.orElseFail(this.status, () => error)
      return Effect.flatMap(now, (task): Effect.Effect<never, TaskCallError<E> | TaskCancelled> =>
        task.status === "cancelled" ? this.wasCancelled(task) : Effect.fail(error)
      )
    })
  }

  private wasCancelled({ statusMessage }: Task): Effect.Effect<never, TaskCancelled> {
    const reason = statusMessage === undefined ? undefined : this.made.connection.clean(statusMessage)
    return Effect.fail(new TaskCancelled({ ...this.what, reason }))
  }

  /** Whoever was interrupted does not wait for it. */
  private get cancelDetached(): Effect.Effect<void> {
    const { server, task } = this.what
    return Effect.asVoid(
      Effect.forkDaemon(
        Effect.catchAllCause(this.cancel, (cause) =>
          Effect.logWarning(`Task "${task}" on MCP server "${server}" could not be cancelled`, cause)
        )
      )
    )
  }

  private ask<A>(call: Call<A>): Effect.Effect<A, TaskCallError<E>> {
    return Effect.suspend((): Effect.Effect<A, TaskCallError<E>> => {
      if (this.made.isGone) return this.lost
      return Effect.catchAll(this.run(call), (error): Effect.Effect<never, TaskCallError<E>> =>
        this.made.isGone ? this.lost : Effect.fail(error)
      )
    })
  }

  private get lost(): Effect.Effect<never, TaskLost> {
    return Effect.fail(new TaskLost({ ...this.what, reason: closedReason(this.made.connection) }))
  }

  private noted<E2>(asked: Effect.Effect<Task, E2>): Effect.Effect<Task, E2> {
    return Effect.tap(asked, (task) => Effect.sync(() => this.note(task)))
  }

  /** What is said late does not undo that it has ended. */
  private note(task: Task): void {
    if (!hasEnded(this.known)) this.known = task
  }

  /** For errors: the name of the task is the server's. */
  private get what() {
    return { server: this.server, tool: this.tool, task: this.made.connection.clean(this.id) }
  }
}

/** A clock that never goes back. */
const nowMs = Effect.map(Clock.currentTimeNanos, (nanos) => Number(nanos) / 1e6)

const intervalOf = ({ pollInterval: wanted }: Task): number =>
  Math.min(Math.max(pollInterval.atLeast, wanted ?? pollInterval.usual), pollInterval.atMost)
