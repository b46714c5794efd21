/** What only callers have set: a FiberRef, a service and a span, which must be seen nowhere behind their calls. */
import { Context, Effect, FiberRef, Option, Tracer } from "effect"

const callerRef = FiberRef.unsafeMake("nobody")
class CallerService extends Context.Tag("@mooring/testing/test/CallerService")<CallerService, string>() {}

/** Runs an effect with everything set that must be seen nowhere but at its caller's. */
export const asCaller =
  (who: string) =>
  <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
    effect.pipe(
      Effect.locally(callerRef, who),
      Effect.mapInputContext((context: Context.Context<never>) =>
        Context.merge(
          context,
          Context.make(CallerService, who).pipe(
            Context.add(Tracer.ParentSpan, Tracer.externalSpan({ spanId: who, traceId: who }))
          )
        )
      )
    )

/** What of a caller can be seen from here. */
export const callerSeen: Effect.Effect<ReadonlyArray<string>> = Effect.gen(function* () {
  const ref = yield* FiberRef.get(callerRef)
  const service = Context.getOption(yield* Effect.context<never>(), CallerService)
  const span = yield* Effect.serviceOption(Tracer.ParentSpan)
  return [
    ...(ref === "nobody" ? [] : [`a FiberRef of ${ref}`]),
    ...Option.toArray(Option.map(service, (who) => `a service of ${who}`)),
    ...Option.toArray(Option.map(span, ({ traceId }) => `a span of ${traceId}`))
  ]
})
