/**
 * The trace that a call belongs to, as a server is told of it: W3C `traceparent`, `tracestate` and `baggage`, under
 * these names in `params._meta` (https://www.w3.org/TR/trace-context/, https://www.w3.org/TR/baggage/). `traceparent`
 * comes from the span; the other two an application says itself, once for a whole request. Values only.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import type * as Tracer from "effect/Tracer"

/**
 * What goes along with the trace of a call, as the headers of the same names have it. Every server that is called gets
 * it: nothing that is not for all of them belongs into `baggage`.
 *
 * @since 0.1.0
 * @category models
 */
export interface TraceContext {
  readonly tracestate?: string | undefined
  readonly baggage?: string | undefined
}

/**
 * What goes along with every call. Nothing unless it was said.
 *
 * @since 0.1.0
 * @category references
 */
export class CurrentTraceContext extends Context.Reference<CurrentTraceContext>()(
  "@mooring/mcp/TraceContext/CurrentTraceContext",
  { defaultValue: (): TraceContext => ({}) }
) {}

/**
 * Runs an effect whose calls carry this along, where they are traced at all.
 *
 * @example
 * ```ts
 * import { McpClient, TraceContext } from "@mooring/mcp"
 * import { Effect, Tracer } from "effect"
 *
 * // A request came in with the headers of its trace: what is called for it belongs to the same trace.
 * const handle = (headers: { readonly traceId: string; readonly spanId: string; readonly baggage: string }) =>
 *   Effect.flatMap(McpClient.McpClient, (mcp) => mcp.callTool("search", "find", { query: "harbour" })).pipe(
 *     TraceContext.withTraceContext({ baggage: headers.baggage }),
 *     Effect.withParentSpan(Tracer.externalSpan(headers))
 *   )
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const withTraceContext: {
  (context: TraceContext): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  <A, E, R>(self: Effect.Effect<A, E, R>, context: TraceContext): Effect.Effect<A, E, R>
} = dual(2, <A, E, R>(self: Effect.Effect<A, E, R>, context: TraceContext): Effect.Effect<A, E, R> =>
  Effect.provideService(self, CurrentTraceContext, context)
)

/**
 * The fields of `_meta` for a request that this span is the parent of; `undefined` for a span whose ids are not those
 * of W3C's traces.
 *
 * @since 0.1.0
 * @category combinators
 */
export const fields = (
  { sampled, spanId, traceId }: Tracer.AnySpan,
  { baggage, tracestate }: TraceContext
): Readonly<Record<string, string>> | undefined => {
  if (!isId(traceId, 32) || !isId(spanId, 16)) return undefined
  return {
    traceparent: `00-${traceId}-${spanId}-${sampled ? "01" : "00"}`,
    ...(tracestate === undefined ? {} : { tracestate }),
    ...(baggage === undefined ? {} : { baggage })
  }
}

/** Lower-case hexadecimal of this length, and not only zeros: those say that there is no trace. */
const isId = (id: string, length: number): boolean => id.length === length && /^(?=.*[1-9a-f])[0-9a-f]+$/.test(id)
