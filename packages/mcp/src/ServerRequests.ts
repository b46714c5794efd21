/**
 * Answers the requests of one server on one connection: finds whose handlers are to answer, runs them on fibers of the
 * connection, and sees to it that nothing of one caller's is asked of another. It stands before the SDK's `Client`, which
 * gets what is not taken here: `ping`, and what is to be refused as unknown.
 *
 * Whose handlers answer, in this order, of those that have any for what is asked:
 *
 * 1. those of the call that the request belongs to, where the transport says which
 * 2. those of the session that has the connection
 * 3. those of the application
 *
 * @since 0.1.0
 */
import { Deadlines } from "@mooring/pool"
import { ErrorCode, type JSONRPCRequest, type RequestId } from "@modelcontextprotocol/sdk/types.js"
import type * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as FiberSet from "effect/FiberSet"
import * as Scope from "effect/Scope"
import * as Tracer from "effect/Tracer"
import * as HandledRequest from "./HandledRequest.js"
import { HandlersRefused, type RequestError } from "./McpError.js"
import { type Handlers, questions, Refused, type RequestContext, type Service } from "./McpHandlers.js"
import type { PendingRequest } from "./PendingRequest.js"
import * as RootChanges from "./RootChanges.js"
import type { ServerKey } from "./ServerKey.js"
import { gone, type Host, Owner, Question } from "./ServerQuestion.js"
import { firstId, type Session } from "./Session.js"
import { Visits } from "./Visits.js"

/**
 * What it is made of.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  readonly session: Session
  readonly key: ServerKey
  readonly number: number | undefined
  /** What was announced that the server may ask. */
  readonly questions: HandledRequest.Questions
  /** The application's handlers. */
  readonly service: Service
  /** Whether it is told which request of ours a request belongs to. Known after the handshake. */
  readonly ties: () => boolean
}

/**
 * How long a handler may take that does not say so. Milliseconds.
 *
 * @since 0.1.0
 * @category constants
 */
export const defaultTimeout = 600_000

/**
 * Begins to answer. Handlers are interrupted when the scope closes.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: Options): Effect.Effect<ServerRequests, never, Scope.Scope> =>
  Effect.gen(function* () {
    const deadlines = yield* Deadlines.make
    // A handler is no part of the connect, in whose span this is made.
    const fork = yield* FiberSet.makeRuntime<never, void, never>().pipe(
      Effect.mapInputContext((context: Context.Context<Scope.Scope>) => Context.omit(Tracer.ParentSpan)(context))
    )
    const requests = new ServerRequests(options, deadlines, fork)
    const stop = options.service.onRootsChanged(() => requests.rootsChanged(requests.application))
    yield* Effect.addFinalizer(() => Effect.sync(stop))
    return requests
  })

/**
 * @since 0.1.0
 * @category models
 */
export class ServerRequests implements Host {
  readonly application: Owner
  /** The sessions that have the connection: at most one, where it is used as it should be. */
  private readonly sessions: Array<Owner> = []
  /** Those that the server waits for, by the ids that it has given them. */
  private readonly open = new Map<RequestId, Question>()
  /** How many handlers run, those included whose answer nobody wants any more. */
  private running = 0
  /** Addresses that somebody is to visit. */
  private readonly visits = new Visits((id, owners) => this.visited(id, owners))
  /** For what is to be run, and not to be answered. */
  private readonly silent: Host
  /** The server knows now what it may ask, and may be told of changes. */
  greeted = false

  constructor(
    private readonly options: Options,
    readonly deadlines: Deadlines.Deadlines,
    readonly fork: (effect: Effect.Effect<void>) => Fiber.RuntimeFiber<void>
  ) {
    this.application = new Owner(options.service.handlers)
    const { session } = options
    session.listen({
      request: (request, origin) => this.take(request, origin),
      notification: ({ method, params }) => {
        if (method === "notifications/cancelled") this.cancelled(params?.["requestId"])
        else if (method === "notifications/elicitation/complete") this.visits.done(params?.["elicitationId"])
      },
      visits: (elicitations) => {
        for (const { elicitationId } of elicitations) this.visits.required(elicitationId, this.owners(undefined))
      },
      closed: () => {
        // An answer would go nowhere.
        for (const question of this.open.values()) question.stop(undefined)
      }
    })
    this.silent = {
      deadlines,
      fork,
      send: () => {},
      died: (method, cause) => this.died(method, cause),
      settled: () => {},
      left: () => this.left()
    }
  }

  readonly send: Host["send"] = (message) => this.options.session.send(message)

  /** Handlers for one call. The owner is to be ended with it. Fails where the call's handlers would hear nothing. */
  forCall(handlers: Handlers): Effect.Effect<Owner, HandlersRefused> {
    return this.options.ties()
      ? this.checked(handlers)
      : this.refuse(
          "over this transport nothing says which call the server asks for; open a session with these handlers, " +
            "which has the connection to itself"
        )
  }

  /**
   * Has these handlers answer what is not asked for a call that has its own, until the scope closes. `ping` asks the server
   * whether it is there.
   */
  forSession(
    handlers: Handlers,
    ping: Effect.Effect<unknown, RequestError>
  ): Effect.Effect<void, HandlersRefused, Scope.Scope> {
    return Effect.gen(this, function* () {
      const owner = yield* this.checked(handlers)
      // Whose it is would be asked something by these handlers: see `McpTask`.
      if (this.options.session.waiting().some(({ method }) => method === "tasks/result")) {
        yield* this.refuse("somebody waits for the result of a task on this connection")
      }
      // Where nothing ties a request to a call: what the server has asked for others is on its way no more, once a ping
      // that came after it is answered.
      if (!this.options.ties()) yield* Effect.catchAll(ping, ({ message }) => this.refuse(`no answer: ${message}`))
      const scope = yield* Effect.scope
      const left = Effect.suspend(() => {
        this.sessions.splice(this.sessions.indexOf(owner), 1)
        if (handlers.roots !== undefined) this.tellRoots()
        return this.end(owner)
      })
      // Not `acquireRelease`, whose finalizers do not see that it is a handler that closes the scope: see `Question.left`.
      yield* Effect.uninterruptible(
        Effect.suspend(() => {
          this.sessions.push(owner)
          return Scope.addFinalizer(scope, left)
        })
      )
      const { roots } = handlers
      if (roots === undefined) return
      // To the server these are other roots; when the session has ended, it sees those that were there before.
      this.tellRoots()
      if (roots.changes !== undefined) yield* RootChanges.follow(roots.changes, () => this.rootsChanged(owner))
    })
  }

  /** Nothing of the owner's is left when it ends. */
  end(owner: Owner): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.visits.forget(owner)
      return owner.end
    })
  }

  /** Whether handlers of a session answer here. */
  get isHeld(): boolean {
    return this.sessions.length > 0
  }

  private checked(handlers: Handlers): Effect.Effect<Owner, HandlersRefused> {
    const { key, questions: announced } = this.options
    const isMissing = questions(handlers).some(
      // How a model is asked is for its handler to say; that it can be asked, the server must know.
      (question) => !question.startsWith("sampling.") && !announced.has(question)
    )
    return isMissing
      ? Effect.fail(HandledRequest.unannounced(key.toString(), announced, handlers))
      : Effect.succeed(new Owner(handlers))
  }

  private refuse(reason: string): Effect.Effect<never, HandlersRefused> {
    return Effect.fail(new HandlersRefused({ server: this.options.key.toString(), reason }))
  }

  /** These roots are others now. Nothing is said while others hide them. */
  rootsChanged(owner: Owner): void {
    const shown = this.owners(undefined).find(({ handlers }) => handlers.roots !== undefined)
    if (shown === owner) this.tellRoots()
  }

  private tellRoots(): void {
    if (!this.greeted || !this.options.questions.has("roots")) return
    this.send({ jsonrpc: "2.0", method: "notifications/roots/list_changed" })
  }

  private take(request: JSONRPCRequest, origin: RequestId | undefined): boolean {
    const { clean, isOpen, limits } = this.options.session
    // An answer would go nowhere.
    if (!isOpen()) return true
    const read = HandledRequest.read(request, this.options.questions, clean)
    if (read === undefined) return false
    const refuse = ({ code, reason }: Refused) => {
      this.send({ jsonrpc: "2.0", id: request.id, error: { code, message: reason } })
      return true
    }
    if (read instanceof Refused) return refuse(read)
    if (this.running >= limits.serverRequests) return refuse(tooMany)
    const call = origin === undefined ? undefined : this.options.session.find(origin)
    if (call === undefined && typeof origin === "number" && origin >= firstId) return refuse(gone)
    const owners = this.owners(call)
    for (const owner of owners) {
      const handle = read.by(owner.handlers)
      if (handle === undefined) continue
      const { elicitationId } = read
      this.ask(request, owner, call, (context) => {
        const asked = Effect.suspend(() => handle(context))
        return elicitationId === undefined ? asked : this.visiting(elicitationId, owner, asked)
      })
      return true
    }
    return refuse(nobody(request.method))
  }

  private ask(
    { id, method }: JSONRPCRequest,
    owner: Owner,
    call: PendingRequest | undefined,
    handle: (context: RequestContext) => Effect.Effect<Readonly<Record<string, unknown>>, Refused>
  ): void {
    const { timeout } = owner.handlers
    const timeoutMs = timeout === undefined ? defaultTimeout : Duration.toMillis(timeout)
    const question = new Question(this, id, method, owner, timeoutMs, call, this.waitingFor(call))
    this.open.set(id, question)
    this.running++
    question.start(handle(this.context(call)))
  }

  /** What the server may not be able to answer before it is answered: where nothing ties them, that is any call. */
  private waitingFor(call: PendingRequest | undefined): ReadonlyArray<PendingRequest> {
    if (call !== undefined) return [call]
    return this.options.ties() ? [] : this.options.session.waiting().filter(({ options }) => options.resetOnProgress)
  }

  settled(question: Question): void {
    if (this.open.get(question.id) === question) this.open.delete(question.id)
    const { session } = this.options
    for (const request of question.holding) {
      // One that has ended is held by nobody, and has no deadline to be moved.
      if (request.questions?.delete(question) === true && session.find(request.id) === request) session.extend(request)
    }
  }

  left(): void {
    this.running--
  }

  died(method: string, cause: Cause.Cause<unknown>): void {
    this.fork(Effect.logError(`MCP server "${this.options.key.toString()}": the handler of ${method} failed`, cause))
  }

  private cancelled(id: unknown): void {
    // An id that is none of these, whatever it is, finds nothing.
    this.open.get(id as RequestId)?.stop(undefined)
  }

  private visiting<E>(
    elicitationId: string,
    owner: Owner,
    asked: Effect.Effect<Readonly<Record<string, unknown>>, E>
  ): Effect.Effect<Readonly<Record<string, unknown>>, E> {
    const answered = this.visits.asked(elicitationId, owner)
    return Effect.onExit(asked, (exit) =>
      Effect.sync(() => answered(Exit.isSuccess(exit) && exit.value["action"] === "accept"))
    )
  }

  private visited(id: string, owners: ReadonlyArray<Owner>): void {
    for (const owner of owners) {
      const hear = owner.handlers.elicitation?.completed
      if (owner.over || hear === undefined || this.running >= this.options.session.limits.serverRequests) continue
      this.running++
      new Question(this.silent, id, "notifications/elicitation/complete", owner, defaultTimeout, undefined, []).start(
        Effect.as(
          Effect.suspend(() => hear(id, this.context(undefined))),
          {}
        )
      )
      return
    }
  }

  private owners(call: PendingRequest | undefined): ReadonlyArray<Owner> {
    const own = call?.options.owner
    const others = [...this.sessions.toReversed(), this.application]
    return own === undefined ? others : [own, ...others]
  }

  private context(call: PendingRequest | undefined): RequestContext {
    const { key, number, session } = this.options
    return {
      server: key.server,
      key,
      connection: number,
      origin: call && { method: call.method, tool: call.tool, requestId: call.id },
      clean: session.clean
    }
  }
}

const nobody = (method: string): Refused =>
  new Refused({
    code: ErrorCode.InternalError,
    reason:
      `nobody is there to answer ${method}: it may be asked (mayAsk), but neither the application nor the session or ` +
      "call that it belongs to has a handler for it"
  })

const tooMany = new Refused({ code: ErrorCode.InternalError, reason: "too many handlers run, and no more are begun" })
