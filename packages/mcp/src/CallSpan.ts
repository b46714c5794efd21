/**
 * The spans of calls and connects, by OpenTelemetry's conventions for MCP
 * (https://opentelemetry.io/docs/specs/semconv/gen-ai/mcp/). A span is made on the fiber that calls, as a child of its
 * current span, and ends with the call, whatever its outcome. What a server or a caller wrote never stands in one, but for
 * the names of tools and prompts and the URIs of resources: an error is told by its type alone.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import type * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as DefaultServices from "effect/DefaultServices"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberRef from "effect/FiberRef"
import * as Option from "effect/Option"
import * as Tracer from "effect/Tracer"
import * as ErrorType from "./ErrorType.js"
import type { McpConnection } from "./McpConnection.js"
import type { Subject } from "./McpRequest.js"
import type { RequestTrace } from "./RequestMessage.js"
import type { Server } from "./Servers.js"
import * as TraceContext from "./TraceContext.js"

/**
 * How a call is traced, while it is.
 *
 * @since 0.1.0
 * @category models
 */
export interface CallTrace {
  /** The connection that the call got: it is noted, and what is sent through what this gives belongs to the trace. */
  readonly on: (connection: McpConnection) => McpConnection
}

/**
 * What is called.
 *
 * @since 0.1.0
 * @category models
 */
export interface Called extends Subject {
  readonly method: string
}

/**
 * Effect's own tracer keeps spans in memory for nobody: where it is the fiber's tracer, none was installed. Told by
 * identity with the one that every fiber starts with.
 */
const untraced = Context.get(DefaultServices.liveServices, Tracer.Tracer)

/**
 * Runs a call in a span of its own if the fiber has a tracer. Where it has none, but its current span came from outside
 * (`Tracer.externalSpan`), the call still carries that trace along. Else, or where tracing is switched off
 * (`Effect.withTracerEnabled(false)`), it costs a look at the fiber. To be called,
 * and run, uninterruptibly on the fiber that calls; `call` decides itself what of it can be interrupted.
 *
 * @since 0.1.0
 * @category combinators
 */
export const traced = <A, E>(
  server: Server,
  called: Called,
  call: (trace: CallTrace | undefined) => Effect.Effect<A, E>
): Effect.Effect<A, E> => {
  const fiber = Option.getOrUndefined(Fiber.getCurrentFiber())
  if (fiber === undefined) return call(undefined)
  const { currentContext, currentSpan, currentTracer } = fiber
  const outside = currentSpan?._tag === "ExternalSpan" ? currentSpan : undefined
  if (currentTracer === untraced && outside === undefined) return call(undefined)
  if (!fiber.getFiberRef(FiberRef.currentTracerEnabled)) return call(undefined)
  const carried = Context.get(currentContext, TraceContext.CurrentTraceContext)
  if (currentTracer !== untraced || outside === undefined) return inSpan(server, called, carried, call)
  const meta = TraceContext.fields(outside, carried)
  return call(meta === undefined ? undefined : { on: (connection) => connection.traced({ meta }) })
}

/**
 * Runs a connect in a root span: it serves whoever calls next, not only the call that caused it, and runs on a fiber of
 * the pool.
 *
 * @since 0.1.0
 * @category combinators
 */
export const connect = <E, R>(
  server: Server,
  number: number,
  open: Effect.Effect<McpConnection, E, R>
): Effect.Effect<McpConnection, E, R> =>
  Effect.flatMap(Effect.tracer, (tracer) => {
    if (tracer === untraced) return open
    return spanning(
      "initialize",
      { ...options, root: true },
      (span) => {
        noteServer(span, server, "initialize")
        span.attribute("mcp.connection", number)
        return Effect.map(Effect.exit(open), (exit) => {
          if (Exit.isSuccess(exit)) noteConnection(span, exit.value)
          return exit
        })
      },
      () => undefined
    )
  })

const options = { kind: "client", captureStackTrace: false } as const

const inSpan = <A, E>(
  server: Server,
  called: Called,
  carried: TraceContext.TraceContext,
  call: (trace: CallTrace | undefined) => Effect.Effect<A, E>
): Effect.Effect<A, E> => {
  const { method, prompt, resource, tool } = called
  const target = tool ?? prompt
  return spanning(
    target === undefined ? method : `${method} ${target}`,
    options,
    (span) => {
      noteServer(span, server, method)
      if (tool !== undefined) {
        span.attribute("gen_ai.operation.name", "execute_tool")
        span.attribute("gen_ai.tool.name", tool)
      }
      if (prompt !== undefined) span.attribute("gen_ai.prompt.name", prompt)
      return Effect.flatMap(Effect.clock, (clock) => Effect.exit(call(new SpanTrace(span, clock, carried, resource))))
    },
    (result) => ErrorType.ofResult(method, result)
  )
}

class SpanTrace implements CallTrace, RequestTrace {
  readonly meta: Readonly<Record<string, string>> | undefined

  constructor(
    private readonly span: Tracer.Span,
    private readonly clock: Clock.Clock,
    carried: TraceContext.TraceContext,
    private readonly resource: string | undefined
  ) {
    this.meta = TraceContext.fields(span, carried)
  }

  on(connection: McpConnection): McpConnection {
    noteConnection(this.span, connection)
    // Only now: the connection knows what must not be shown.
    if (this.resource !== undefined) this.span.attribute("mcp.resource.uri", connection.clean(bare(this.resource)))
    // One for each try: the time up to the first is that of waiting for a connection.
    this.span.event("mcp.borrowed", this.clock.unsafeCurrentTimeNanos(), { "mcp.connection": connection.number })
    return connection.traced(this)
  }

  onId(id: number): void {
    this.span.attribute("jsonrpc.request.id", String(id))
  }
}

/**
 * Runs what gives an exit in a span, which ends as that says, without what it says: `failed` is asked which of the
 * results are errors all the same.
 */
const spanning = <A, E, R>(
  name: string,
  options: Tracer.SpanOptions,
  run: (span: Tracer.Span) => Effect.Effect<Exit.Exit<A, E>, never, R>,
  failed: (result: A) => string | undefined
): Effect.Effect<A, E, R> =>
  Effect.suspend(() => {
    let outcome: Exit.Exit<A, E> | undefined
    const shown = Effect.useSpan(name, options, (span) =>
      Effect.flatMap(run(span), (exit) => {
        outcome = exit
        return show(span, exit, failed)
      })
    )
    return Effect.flatMap(Effect.exit(shown), (): Exit.Exit<A, E> => outcome ?? Exit.die("a span was not run"))
  })

const show = <A, E>(
  span: Tracer.Span,
  exit: Exit.Exit<A, E>,
  failed: (result: A) => string | undefined
): Effect.Effect<void, SpanError> => {
  if (Exit.isFailure(exit) && Cause.isInterruptedOnly(exit.cause)) return Effect.interrupt
  const type = Exit.isSuccess(exit) ? failed(exit.value) : ErrorType.ofFailure(Cause.squash(exit.cause))
  if (type === undefined) return Effect.void
  span.attribute("error.type", type)
  return Effect.fail(new SpanError(type))
}

/** A URI without credentials, query and fragment, in which people keep keys. */
const bare = (uri: string): string => uri.replace(/[?#][^]*$/, "").replace(/^([^:/?#]+:\/\/)[^/]*@/, "$1")

/** What a span ends with when its call failed: tracers write down the message of that, and ours may quote a server. */
class SpanError extends Error {
  override readonly name = "McpCallFailed"
}

const noteServer = (span: Tracer.Span, { address, name }: Server, method: string): void => {
  span.attribute("mcp.method.name", method)
  span.attribute("mcp.server", name)
  for (const attribute of Object.keys(address)) span.attribute(attribute, address[attribute])
}

const noteConnection = (span: Tracer.Span, connection: McpConnection): void => {
  if (connection.network !== "memory") span.attribute("network.transport", connection.network)
  span.attribute("mcp.protocol.version", connection.protocolVersion)
  if (connection.number !== undefined) span.attribute("mcp.connection", connection.number)
}
