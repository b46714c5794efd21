/**
 * One request of a server's that handlers are at, and whose handlers these are. A question is answered at most once: by
 * its handler, or by what ends it (its deadline, its owner, the call that it belongs to); when the server takes it back, it
 * is not answered at all. Its fiber is interrupted then, and its owner can wait until that is gone.
 *
 * @since 0.1.0
 */
import type { Deadlines } from "@mooring/pool"
import { ErrorCode, type JSONRPCMessage, type RequestId } from "@modelcontextprotocol/sdk/types.js"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as FiberRef from "effect/FiberRef"
import { type Handlers, Refused } from "./McpHandlers.js"
import type { PendingRequest } from "./PendingRequest.js"

/**
 * Whose handlers answer: those of an application, on one connection; of a session; of a call. When it has ended, none of
 * its handlers begins any more.
 *
 * @since 0.1.0
 * @category models
 */
export class Owner {
  over = false
  /** What its handlers are at. */
  readonly questions = new Set<Question>()

  constructor(readonly handlers: Handlers) {}

  /** Interrupts what its handlers are at, tells the server so, and waits until nothing of it is left. */
  readonly end: Effect.Effect<void> = Effect.suspend(() => {
    this.over = true
    const questions = [...this.questions]
    if (questions.length === 0) return Effect.void
    for (const question of questions) question.stop(gone)
    return Effect.forEach(questions, ({ left }) => left, { discard: true })
  })
}

/**
 * Whom it was asked for does not wait any more.
 *
 * @since 0.1.0
 * @category errors
 */
export const gone = new Refused({
  code: ErrorCode.InternalError,
  reason: "nobody waits for this any more: the call or the session that it belongs to has ended"
})

/**
 * What a question needs of its connection.
 *
 * @since 0.1.0
 * @category models
 */
export interface Host {
  readonly deadlines: Deadlines.Deadlines
  /** Runs an effect on a fiber of the connection. */
  readonly fork: (effect: Effect.Effect<void>) => Fiber.RuntimeFiber<void>
  readonly send: (message: JSONRPCMessage) => void
  /** A handler has died. */
  readonly died: (method: string, cause: Cause.Cause<unknown>) => void
  /** The question needs no answer any more. */
  readonly settled: (question: Question) => void
  /** Its fiber has ended. */
  readonly left: (question: Question) => void
}

/** The question whose handler a fiber runs, itself or on behalf of it. */
const current = FiberRef.unsafeMake<Question | undefined>(undefined)

/**
 * @since 0.1.0
 * @category models
 */
export class Question implements Deadlines.Deadline {
  deadlineAt = Infinity
  heapIndex = -1
  private over = false
  private fiber: Fiber.RuntimeFiber<void> | undefined

  constructor(
    private readonly host: Host,
    readonly id: RequestId,
    private readonly method: string,
    readonly owner: Owner,
    private readonly timeoutMs: number,
    /** The request of ours that it belongs to, where that is known. */
    readonly tied: PendingRequest | undefined,
    /** What of ours waits until this is answered. */
    readonly holding: ReadonlyArray<PendingRequest>
  ) {}

  /** Runs the handler. */
  start(handler: Effect.Effect<Readonly<Record<string, unknown>>, Refused>): void {
    const { deadlines, fork } = this.host
    this.owner.questions.add(this)
    for (const request of this.holding) (request.questions ??= new Set()).add(this)
    deadlines.add(this, deadlines.now() + this.timeoutMs * 1e6)
    const run = Effect.uninterruptibleMask((restore) =>
      Effect.map(Effect.exit(restore(Effect.locally(handler, current, this))), (exit) => {
        this.ran(exit)
        this.owner.questions.delete(this)
        this.host.left(this)
      })
    )
    this.fiber = fork(run)
    // What ended it may have come from within the handler, before there was a fiber to be interrupted.
    if (this.over) this.interrupt()
  }

  /** Ends when the handler has. At once for the handler itself, and for fibers of its: it may close its own session. */
  readonly left: Effect.Effect<void> = Effect.withFiberRuntime((waiting) =>
    this.fiber === undefined || this.fiber === waiting || waiting.getFiberRef(current) === this
      ? Effect.void
      : Effect.asVoid(Fiber.await(this.fiber))
  )

  onDeadline(): void {
    this.stop(new Refused({ code: ErrorCode.RequestTimeout, reason: `not answered within ${this.timeoutMs} ms` }))
  }

  /** A request of ours that waited for this has ended. */
  ended(request: PendingRequest): void {
    if (request === this.tied) this.stop(gone)
  }

  /** Ends it: with an answer, or, where the server has taken it back or is gone, without. */
  stop(answer: Refused | undefined): void {
    if (this.over) return
    this.settle()
    if (answer !== undefined) this.refuse(answer)
    this.interrupt()
  }

  private ran(exit: Exit.Exit<Readonly<Record<string, unknown>>, Refused>): void {
    if (this.over) return
    this.settle()
    if (Exit.isSuccess(exit)) return this.host.send({ jsonrpc: "2.0", id: this.id, result: exit.value })
    const { cause } = exit
    if (cause._tag === "Fail") return this.refuse(cause.error)
    if (Cause.isInterruptedOnly(cause)) return this.refuse(interrupted)
    this.host.died(this.method, cause)
    this.refuse(failed)
  }

  private refuse({ code, data, reason }: Refused): void {
    const error = { code, message: reason, ...(data === undefined ? {} : { data }) }
    this.host.send({ jsonrpc: "2.0", id: this.id, error })
  }

  private settle(): void {
    this.over = true
    this.host.deadlines.remove(this)
    this.host.settled(this)
  }

  private interrupt(): void {
    this.fiber?.unsafeInterruptAsFork(FiberId.none)
  }
}

const interrupted = new Refused({ code: ErrorCode.InternalError, reason: "what would have answered was interrupted" })

/** What went wrong is the application's, and for its log. */
const failed = new Refused({ code: ErrorCode.InternalError, reason: "internal error" })
