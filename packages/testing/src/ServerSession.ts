/**
 * One connection of a server in memory: the server's side of MCP, written directly on messages so that it has no
 * timer or promise of its own. Handlers run on fibers that end with the connection, with the clock and services of
 * the layer.
 *
 * @since 0.1.0
 */
import { McpError, type McpMemory, type McpTransport } from "@mooring/mcp"
import {
  type CallToolResult,
  ClientCapabilitiesSchema,
  type JSONRPCNotification,
  type JSONRPCRequest,
  type JSONRPCMessage,
  LATEST_PROTOCOL_VERSION,
  type RequestId,
  SUPPORTED_PROTOCOL_VERSIONS
} from "@modelcontextprotocol/sdk/types.js"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as FiberSet from "effect/FiberSet"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import type * as Runtime from "effect/Runtime"
import { ClientRequests } from "./ClientRequests.js"
import { type CallScript, ConnectFault, Fault } from "./Fault.js"
import * as ServerTasks from "./ServerTasks.js"
import { describe, page, Refusal } from "./TestOffer.js"
import type { RunningServer } from "./TestServer.js"
import { type CallContext, failure, type TestTool } from "./TestTool.js"

/**
 * Serves connections for a running server.
 *
 * @since 0.1.0
 * @category constructors
 */
export const serve =
  <R>(server: RunningServer<R>, runtime: Runtime.Runtime<R>): McpMemory.Serve =>
  (client) =>
    Effect.gen(function* () {
      const { fault = ConnectFault.None(), latency } = server.nextConnect()
      server.ledger.count("connects")
      if (latency !== undefined) yield* Effect.provide(Effect.sleep(latency), runtime)
      if (fault._tag === "Hang") return yield* Effect.never
      if (fault._tag === "Refuse") {
        return yield* new McpError.McpConnectError({
          server: client.key.toString(),
          phase: "dial",
          reason: fault.reason ?? "the server refused the connection",
          retryable: fault.retryable ?? true
        })
      }
      // The set belongs to the connection's scope; only what runs in it has the layer's environment.
      const fibers = yield* FiberSet.make<void>()
      const fork = yield* Effect.provide(FiberSet.runtime(fibers)<R>(), runtime)
      return yield* Effect.acquireRelease(
        Effect.sync(() => new Session(server, client, fault, (effect) => fork(effect))),
        (session) => Effect.sync(() => session.closed())
      )
    })

interface Flight {
  /** Lands the call in the ledger; only the first time counts. */
  readonly land: () => void
  /** Goes on when it is cancelled. */
  readonly deaf: boolean
  fiber: Fiber.RuntimeFiber<void> | undefined
}

class Session<R> implements McpMemory.ServerEnd {
  private initialized = false
  private script: CallScript = {}
  private readonly flights = new Map<RequestId, Flight>()
  private readonly disconnected: () => void
  private readonly requests: ClientRequests
  private readonly tasks: ServerTasks.ServerTasks<R>
  private readonly untold: () => void

  constructor(
    private readonly server: RunningServer<R>,
    private readonly client: McpMemory.ClientEnd,
    private readonly connectFault: ConnectFault,
    private readonly fork: (effect: Effect.Effect<void, never, R>) => Fiber.RuntimeFiber<void>
  ) {
    server.clients.add(client)
    this.requests = new ClientRequests(client)
    this.tasks = new ServerTasks.ServerTasks(fork)
    this.disconnected = server.ledger.connected()
    this.untold = server.notices.connected(client)
  }

  // The script is read here, so that a fault can strike before the message is handed over.
  readonly admit = (message: JSONRPCMessage): McpTransport.TransportFailure | undefined => {
    if (!("method" in message && "id" in message && message.method === "tools/call")) return undefined
    this.script = this.server.nextCall()
    if (this.script.fault?._tag === "CrashBefore") this.crash()
    return this.script.fault?._tag === "Refuse"
      ? { reason: "the server refused the message", delivery: "NotSent", fatal: false }
      : undefined
  }

  readonly message = (message: JSONRPCMessage): void => {
    if (!("method" in message)) return this.requests.answered(message)
    if ("id" in message) this.request(message)
    else this.notification(message)
  }

  readonly closed = (): void => {
    this.server.clients.delete(this.client)
    for (const flight of this.flights.values()) {
      flight.land()
      flight.fiber?.unsafeInterruptAsFork(FiberId.none)
    }
    this.flights.clear()
    this.untold()
    this.disconnected()
  }

  private request(request: JSONRPCRequest): void {
    if (request.method === "initialize") return this.initialize(request)
    if (request.method === "ping") {
      this.server.ledger.count("pings")
      return this.answer(request.id, {})
    }
    if (!this.initialized) return this.refuse(request.id, -32600, "The connection is not initialized")
    if (request.method === "tools/call") return this.callTool(request)
    const answer = this.offered(request)
    if (answer !== undefined) return this.answering(request.id, answer)
    if (this.server.notices.take(this.client, request)) return this.answer(request.id, {})
    this.refuse(request.id, -32601, "Method not found")
  }

  private notification(notification: JSONRPCNotification): void {
    if (notification.method !== "notifications/cancelled") return
    // An id that is not in flight, whatever it is, finds nothing.
    const id = notification.params?.["requestId"] as RequestId
    const flight = this.flights.get(id)
    if (flight === undefined) return
    flight.land()
    this.server.ledger.count("cancelled")
    if (flight.deaf) return
    this.flights.delete(id)
    flight.fiber?.unsafeInterruptAsFork(FiberId.none)
  }

  private initialize(request: JSONRPCRequest): void {
    const asked = request.params?.["protocolVersion"]
    const announced = ClientCapabilitiesSchema.safeParse(request.params?.["capabilities"])
    if (announced.success) this.requests.capabilities = announced.data
    const version = SUPPORTED_PROTOCOL_VERSIONS.find((supported) => supported === asked) ?? LATEST_PROTOCOL_VERSION
    const { instructions, name } = this.server.server
    ConnectFault.$match(this.connectFault, {
      None: () => {
        this.initialized = true
        this.answer(request.id, this.greeting(version, name, instructions))
      },
      WrongVersion: () => this.answer(request.id, this.greeting("1999-12-31", name, instructions)),
      RejectHandshake: () => this.refuse(request.id, -32603, "The server rejects the handshake"),
      CrashHandshake: () => this.crash(),
      HangHandshake: () => {},
      // These two never come so far.
      Hang: () => {},
      Refuse: () => {}
    })
  }

  private greeting(protocolVersion: string, name: string, instructions: string | undefined) {
    return {
      protocolVersion,
      capabilities: this.server.capabilities,
      serverInfo: { name, version: "0.1.0" },
      ...(instructions === undefined ? {} : { instructions })
    }
  }

  /** Answers what is no call of a tool, until it is cancelled. */
  private answering(id: RequestId, answer: Effect.Effect<Record<string, unknown>, Refusal, R>): void {
    if (this.flights.has(id)) return this.refuse(id, -32600, "The id is in use")
    const flight: Flight = { land: () => {}, deaf: false, fiber: undefined }
    this.flights.set(id, flight)
    const answered = Effect.match(answer, {
      onFailure: ({ code, message }) => this.refuse(id, code, message),
      onSuccess: (result) => this.answer(id, result)
    })
    flight.fiber = this.fork(
      Effect.ensuring(
        answered,
        Effect.sync(() => {
          if (this.flights.get(id) === flight) this.flights.delete(id)
        })
      )
    )
  }

  private offered(request: JSONRPCRequest): Effect.Effect<Record<string, unknown>, Refusal, R> | undefined {
    if (request.method === "tools/list") {
      return page("tools", this.server.definitions, this.server.server.pageSize, request.params?.["cursor"])
    }
    const { pageSize } = this.server.server
    const answer = this.server.capabilities.tasks && this.tasks.answer(request, pageSize)
    if (answer !== undefined) return answer
    const { connection, key } = this.client
    return this.server.offer.answer(request, { server: key.server, partition: key.partition, connection })
  }

  private callTool(request: JSONRPCRequest): void {
    const { fault = Fault.None(), latency } = this.script
    this.script = {}
    if (this.flights.has(request.id)) return this.refuse(request.id, -32600, "The id is in use")
    const flight: Flight = { land: this.server.ledger.took(), deaf: fault._tag === "AnswerLate", fiber: undefined }
    this.flights.set(request.id, flight)
    const delayed = latency === undefined ? this.run(request) : Effect.delay(this.run(request), latency)
    const landed = Effect.sync(() => {
      flight.land()
      if (this.flights.get(request.id) === flight) this.flights.delete(request.id)
    })
    flight.fiber = this.fork(Effect.ensuring(this.suffer(request.id, fault, delayed), landed))
  }

  /** What becomes of a call under a fault. `run` runs the tool and gives what to answer. */
  private suffer(id: RequestId, fault: Fault, run: Effect.Effect<() => void, never, R>): Effect.Effect<void, never, R> {
    const crash = Effect.sync(() => this.crash())
    const say = (answer: () => void) => Effect.sync(answer)
    return Fault.$match(fault, {
      None: () => Effect.flatMap(run, say),
      CrashUnrun: () => crash,
      CrashDuring: ({ after }) =>
        // The crash ends this fiber, and the tool with it.
        Effect.zipRight(Effect.fork(Effect.delay(crash, after)), Effect.zipRight(run, Effect.never)),
      CrashAfter: () => Effect.zipRight(run, crash),
      CrashAnswered: () => Effect.zipRight(Effect.flatMap(run, say), crash),
      Hang: () => Effect.never,
      NoAnswer: () => Effect.zipRight(run, Effect.never),
      AnswerLate: ({ by }) => Effect.flatMap(run, (answer) => Effect.delay(say(answer), by)),
      AnswerTwice: () => Effect.flatMap(run, (answer) => Effect.zipRight(say(answer), say(answer))),
      WrongId: () =>
        Effect.zipRight(
          run,
          Effect.zipRight(
            Effect.sync(() => this.answer(`not-${id}`, { content: [] })),
            Effect.never
          )
        ),
      IsError: ({ text }) => Effect.sync(() => this.answer(id, { ...failure(text) })),
      ErrorResponse: ({ code, reason }) => Effect.sync(() => this.refuse(id, code, reason)),
      // These two were dealt with before the message was taken.
      Refuse: () => Effect.void,
      CrashBefore: () => Effect.void
    })
  }

  /** Runs the tool, or begins to, and gives what to answer. */
  private run(request: JSONRPCRequest): Effect.Effect<() => void, never, R> {
    return Effect.gen(this, function* () {
      const { id, params } = request
      const name = params?.["name"]
      const tool = typeof name === "string" ? this.server.tool(name) : undefined
      if (tool === undefined) return () => this.refuse(id, -32602, `Unknown tool: ${String(name)}`)
      const asTask = params?.["task"] !== undefined
      const mismatch = ServerTasks.mismatch(tool.definition, asTask)
      if (mismatch !== undefined) return () => this.refuse(id, -32601, mismatch)
      if (asTask) {
        const created = yield* this.tasks.begin(request, (says) => this.perform(tool, request, says))
        return () => this.answer(id, created)
      }
      const outcome = yield* Effect.either(Effect.flatten(this.perform(tool, request)))
      return Either.match(outcome, {
        onLeft:
          ({ code, message }) =>
          () =>
            this.refuse(id, code, message),
        onRight: (result) => () => this.answer(id, { ...result })
      })
    })
  }

  /** Runs the tool, writes that down, and gives what came of it. */
  private perform(
    tool: TestTool<R>,
    request: JSONRPCRequest,
    says?: (statusMessage: string) => Effect.Effect<void>
  ): Effect.Effect<Effect.Effect<CallToolResult, Refusal>, never, R> {
    return Effect.gen(this, function* () {
      const given = request.params?.["arguments"]
      const args = Predicate.isReadonlyRecord(given) ? given : {}
      const { connection, key } = this.client
      const startedAt = yield* Clock.currentTimeMillis
      // What has begun is noted to have ended, wherever a cancellation lands.
      const exit = yield* Effect.uninterruptibleMask((restore) =>
        Effect.suspend(() => {
          const run = { tool: tool.definition.name, args, connection, partition: key.partition, startedAt }
          const ended = this.server.ledger.began(run)
          return Effect.tap(Effect.exit(restore(tool.run(args, this.context(request, says)))), (exit) =>
            Effect.map(Clock.currentTimeMillis, (now) => ended(outcome(exit), now))
          )
        })
      )
      return answered(exit)
    })
  }

  private context(request: JSONRPCRequest, says?: (statusMessage: string) => Effect.Effect<void>): CallContext {
    const token = request.params?._meta?.progressToken
    return {
      server: this.client.key.server,
      partition: this.client.key.partition,
      connection: this.client.connection,
      client: this.requests.client(request.id),
      progress: (progress, total, message) =>
        Effect.zipRight(
          says === undefined || message === undefined ? Effect.void : says(message),
          Effect.sync(() => {
            if (token === undefined) return
            this.client.send({
              jsonrpc: "2.0",
              method: "notifications/progress",
              params: {
                progressToken: token,
                progress,
                ...(total === undefined ? {} : { total }),
                ...(message === undefined ? {} : { message })
              }
            })
          })
        )
    }
  }

  private answer(id: RequestId, result: Record<string, unknown>): void {
    this.client.send({ jsonrpc: "2.0", id, result })
  }

  private refuse(id: RequestId, code: number, message: string): void {
    this.client.send({ jsonrpc: "2.0", id, error: { code, message } })
  }

  private crash(): void {
    this.client.close("the server crashed")
  }
}

const outcome = (exit: Exit.Exit<CallToolResult, unknown>) => {
  if (Exit.isFailure(exit)) return Cause.isInterruptedOnly(exit.cause) ? "interrupted" : "failed"
  return exit.value.isError === true ? "failed" : "succeeded"
}

/** A failure is answered with `isError`, a defect with an error of JSON-RPC. */
const answered = (exit: Exit.Exit<CallToolResult, unknown>): Effect.Effect<CallToolResult, Refusal> => {
  if (Exit.isSuccess(exit)) return Effect.succeed(exit.value)
  const error = Cause.failureOption(exit.cause)
  return Option.isSome(error)
    ? Effect.succeed(failure(describe(error.value)))
    : Effect.fail(new Refusal(-32603, `Internal error: ${describe(Cause.squash(exit.cause))}`))
}
