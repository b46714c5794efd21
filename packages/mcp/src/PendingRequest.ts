/**
 * A request on its way: what the transport sends, what the deadlines watch, and whom the answer goes to, in one
 * object, so that a call costs one. It ends exactly once (answered, failed, timed out, cancelled or lost), and the
 * `Session` that made it holds it until then.
 *
 * @since 0.1.0
 */
import type { Deadlines } from "@mooring/pool"
import type { JSONRPCRequest, Progress } from "@modelcontextprotocol/sdk/types.js"
import * as Effect from "effect/Effect"
import { type Answer, Malformed } from "./Answer.js"
import {
  CallTimeout,
  ConnectionLost,
  type Delivery,
  InvalidArguments,
  malformedCode,
  ProtocolError,
  type RequestError,
  UrlElicitationRequired
} from "./McpError.js"
import type { Outgoing, TransportFailure } from "./McpTransport.js"
import type { RequestTrace } from "./RequestMessage.js"
import type { Owner, Question } from "./ServerQuestion.js"
import * as SessionEvent from "./SessionEvent.js"
import type { UrlElicitation } from "./UrlElicitation.js"
import { unchecked } from "./internal/Unchecked.js"

/**
 * How long a request may take, and who hears of its progress.
 *
 * @since 0.1.0
 * @category models
 */
export interface RequestOptions {
  /** Milliseconds to the answer, or to the next progress when `resetOnProgress` is set. `Infinity`: no limit. */
  readonly timeoutMs: number
  /** Milliseconds in all, progress or not. `Infinity`: no limit. */
  readonly totalTimeoutMs: number
  /**
   * Whether progress starts `timeoutMs` anew. The server is asked for progress then (if `timeoutMs` is the shorter
   * limit), which costs a few bytes a request. Default false.
   */
  readonly resetOnProgress?: boolean | undefined
  /** Hears of progress, as it comes. Asks the server for it. */
  readonly onProgress?: ((progress: Progress) => void) | undefined
  /** What goes along so that the request can be traced. Default: nothing. */
  readonly trace?: RequestTrace | undefined
  /** Whose handlers answer what the server asks for this request's sake. Default: those of its connection. */
  readonly owner?: Owner | undefined
}

/**
 * Hears how each request of a connection ended, in the moment that it did: by the server's `result`, by an `error`, or
 * `cancelled`, since the caller was interrupted. `now`, like `startedAt` of the request, in nanoseconds of the session.
 *
 * @since 0.1.0
 * @category models
 */
export interface RequestObserver {
  readonly ended: (
    request: PendingRequest,
    error: RequestError | "cancelled" | undefined,
    result: unknown,
    now: number
  ) => void
}

/**
 * What a pending request needs of the session that holds it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Holder {
  readonly server: string
  /** Makes text of the server's fit to be shown. */
  readonly clean: (text: string) => string
  /** How much of requests without an answer the connection holds: the sum of their `characters`. */
  inFlight: number
  /** Forgets the request, `answered` or not. Whether it was still held: the one who gets `true` ends it. */
  readonly release: (request: PendingRequest, answered: boolean) => boolean
  /** Tells the server that the answer is not wanted any more. */
  readonly tellCancelled: (request: PendingRequest, reason: string) => void
  readonly tell: (event: SessionEvent.SessionEvent) => void
  /** Only its time in all counts for the request, until it has that for an answer anew. */
  readonly hold: (request: PendingRequest) => void
  /** The request has ended: by `result`, or by `error`. */
  readonly observe: (request: PendingRequest, error: RequestError | "cancelled" | undefined, result: unknown) => void
  /** The transport could not deliver this, nor can it deliver anything else. */
  readonly broken: (failure: TransportFailure) => void
}

/**
 * How a request ended.
 *
 * @since 0.1.0
 * @category models
 */
export type Outcome = Effect.Effect<unknown, RequestError>

/**
 * @since 0.1.0
 * @category models
 */
export class PendingRequest implements Outgoing, Deadlines.Deadline {
  deadlineAt = Infinity
  heapIndex = -1
  abandoned = false
  private length = 0
  private sent = false
  private outcome: Outcome | undefined
  /** What came as its answer is not MCP. */
  isMisread = false
  private waiter: ((outcome: Outcome) => void) | undefined
  /** What the server waits to be told before it can answer this. It is not late as long as there is any. */
  questions: Set<Question> | undefined

  constructor(
    private readonly holder: Holder,
    readonly id: number,
    readonly message: JSONRPCRequest,
    private readonly answer: Answer<unknown>,
    readonly options: RequestOptions,
    /** When it began. Nanoseconds of the session's `Deadlines`. */
    readonly startedAt: number
  ) {}

  /** When it must have ended, progress or not. Nanoseconds of the session's `Deadlines`. */
  get endsAt(): number {
    return this.startedAt + this.options.totalTimeoutMs * 1e6
  }

  get method(): string {
    return this.message.method
  }

  /** The tool, where a tool is called. */
  get tool(): string | undefined {
    const { method, params } = this.message
    return method === "tools/call" && typeof params?.["name"] === "string" ? params["name"] : undefined
  }

  /** The prompt, where one is asked for. */
  get prompt(): string | undefined {
    const { method, params } = this.message
    return method === "prompts/get" && typeof params?.["name"] === "string" ? params["name"] : undefined
  }

  get handedOver(): boolean {
    return this.sent
  }

  set handedOver(sent: boolean) {
    this.sent = sent
    // A transport that overlooks `abandoned` must not leave the server at work for nobody.
    if (sent && this.abandoned) this.holder.tellCancelled(this, "the caller is gone")
  }

  get characters(): number {
    return this.length
  }

  set characters(length: number) {
    if (this.abandoned) return
    this.length = length
    this.holder.inFlight += length
  }

  get delivery(): Delivery {
    return this.sent ? "Unknown" : "NotSent"
  }

  /** Calls `waiter` with the outcome, at once if there is one. */
  await(waiter: (outcome: Outcome) => void): void {
    if (this.outcome === undefined) this.waiter = waiter
    else waiter(this.outcome)
  }

  /** The server's result came. */
  succeed(result: unknown): void {
    if (!this.holder.release(this, true)) return
    try {
      const read = this.answer(result)
      if (read instanceof Malformed) this.fail(this.malformed(read.reason))
      else this.end(Effect.succeed(read), undefined, read)
    } catch (defect) {
      // A result that is nested deep enough runs any schema out of stack.
      this.fail(this.malformed(`it cannot be read (${String(defect)})`))
    }
  }

  /**
   * The server's error came, or that of a transport which could not read the answer. `elicitations` are what it wants to
   * have visited first.
   */
  refuse(code: number, reason: string, data: unknown, elicitations?: ReadonlyArray<UrlElicitation>): void {
    if (code === malformedCode) this.isMisread = true
    if (!this.holder.release(this, true)) return
    const [first, ...others] = elicitations ?? []
    this.fail(
      first === undefined
        ? this.protocolError(code, reason, data)
        : new UrlElicitationRequired({ ...this.what, reason, elicitations: [first, ...others] })
    )
  }

  /** An answer came that is neither. */
  misread(reason: string): void {
    if (this.holder.release(this, true)) this.fail(this.malformed(reason))
  }

  /** The connection ended. */
  lost(reason: string, cause: unknown): void {
    if (!this.holder.release(this, false)) return
    // What was not sent will be sent again elsewhere: the transport, which may still be open, must not send it now.
    this.abandoned = true
    const { delivery, holder } = this
    this.fail(new ConnectionLost({ server: holder.server, reason, delivery, cause }, unchecked))
  }

  /** The transport says that this request failed; only it knows whether any of it was sent. */
  failed(failure: TransportFailure): void {
    const { cause, delivery, fatal, reason, retryAfterMs, status, unfit } = failure
    if (this.holder.release(this, false)) {
      const { server } = this.holder
      const lost = () => new ConnectionLost({ server, reason, delivery, status, retryAfterMs, cause }, unchecked)
      this.fail(unfit === true ? this.invalid(reason) : lost())
    }
    if (fatal) this.holder.broken(failure)
  }

  onDeadline(): void {
    const { timeoutMs: idleMs, totalTimeoutMs } = this.options
    if (this.questions !== undefined && this.questions.size > 0 && this.deadlineAt < this.endsAt) {
      return this.holder.hold(this)
    }
    const timeoutMs = this.deadlineAt >= this.endsAt ? totalTimeoutMs : idleMs
    if (!this.withdraw(`not answered within ${timeoutMs} ms`)) return
    this.holder.tell(SessionEvent.Unanswered({ method: this.message.method, timeoutMs }))
    this.fail(new CallTimeout({ ...this.what, timeoutMs, delivery: this.delivery }, unchecked))
  }

  /** The caller was interrupted; nobody waits for an outcome. Does nothing when there is one. */
  cancel(): void {
    if (!this.withdraw("the caller was interrupted")) return
    this.holder.observe(this, "cancelled", undefined)
    if (this.questions !== undefined) this.settleQuestions()
  }

  private withdraw(reason: string): boolean {
    if (!this.holder.release(this, false)) return false
    this.abandoned = true
    if (this.sent) this.holder.tellCancelled(this, reason)
    return true
  }

  private fail(error: RequestError): void {
    this.end(Effect.fail(error), error, undefined)
  }

  private end(outcome: Outcome, error: RequestError | undefined, result: unknown): void {
    this.outcome = outcome
    this.holder.observe(this, error, result)
    if (this.questions !== undefined) this.settleQuestions()
    this.waiter?.(outcome)
  }

  private settleQuestions(): void {
    const { questions } = this
    this.questions = undefined
    for (const question of questions ?? []) question.ended(this)
  }

  private get what() {
    return { server: this.holder.server, method: this.method, tool: this.tool }
  }

  private invalid(reason: string): InvalidArguments {
    return new InvalidArguments({ ...this.what, reason })
  }

  private malformed(reason: string): ProtocolError {
    this.isMisread = true
    // Places are told by their names, and of those some are the server's.
    return this.protocolError(malformedCode, `its answer is not MCP: ${this.holder.clean(reason)}`, undefined)
  }

  private protocolError(code: number, reason: string, data: unknown): ProtocolError {
    return new ProtocolError({ ...this.what, code, reason, data }, unchecked)
  }
}
