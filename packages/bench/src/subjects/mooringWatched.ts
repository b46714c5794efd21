/** `McpClient.callTool` with tracing and metrics used in one way or another; all else as in `subjects/mooring`. */
import * as Context from "effect/Context"
import * as DefaultServices from "effect/DefaultServices"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Schedule from "effect/Schedule"
import * as Tracer from "effect/Tracer"
import type { Watched } from "../calls/Settings.js"
import type { Open } from "../calls/Subject.js"
import { openWith } from "./mooring.js"

export { about } from "./mooring.js"

const native = Context.get(DefaultServices.liveServices, Tracer.Tracer)

/** How many spans have begun, and metrics were read: what is measured has happened. */
let seen = 0

/** Spans as Effect has them by itself: attributes and events in memory. Nobody keeps them. */
const recording = Tracer.make({
  context: (run) => run(),
  span: (...how) => {
    seen++
    return native.span(...how)
  }
})

/** What a tracer gives where it has decided to record nothing of a trace. Its ids go along with the call all the same. */
const silent = Tracer.make({
  context: (run) => run(),
  span: (name, parent, context, links, startTime, kind) => {
    seen++
    return {
      _tag: "Span",
      name,
      spanId: "00f067aa0ba902b7",
      traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
      parent,
      context,
      status: { _tag: "Started", startTime },
      attributes: nothing,
      links,
      sampled: false,
      kind,
      end: () => {},
      attribute: () => {},
      event: () => {},
      addLinks: () => {}
    }
  }
})
const nothing: ReadonlyMap<string, unknown> = new Map()

const fromOutside = Tracer.externalSpan({
  spanId: "00f067aa0ba902b7",
  traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
  sampled: false
})

/** As an exporter reads them, but for where it sends them. */
const reading = Effect.map(Metric.snapshot, ({ length }) => void (seen += length))

const ways: Readonly<Record<Watched, { readonly layer: Layer.Layer<never>; readonly isSeen: boolean }>> = {
  off: { layer: Layer.setTracerEnabled(false), isSeen: false },
  outside: { layer: Layer.parentSpan(fromOutside), isSeen: false },
  recorded: { layer: Layer.setTracer(recording), isSeen: true },
  unsampled: { layer: Layer.setTracer(silent), isSeen: true },
  "recorded, off": { layer: Layer.merge(Layer.setTracer(recording), Layer.setTracerEnabled(false)), isSeen: false },
  metrics: {
    layer: Layer.scopedDiscard(Effect.forkScoped(Effect.schedule(reading, Schedule.spaced("1 second")))),
    isSeen: true
  }
}

export const open: Open = async (target, settings = {}) => {
  const { watched, ...others } = settings
  if (watched === undefined) throw new Error("it has to be said how it is watched")
  const { isSeen, layer } = ways[watched]
  const client = await openWith(target, others, layer)
  return {
    ...client,
    run: async (load, took) => {
      await client.run(load, took)
      if (load.last === true && seen > 0 !== isSeen) throw new Error(`${seen} spans and metrics were seen`)
    }
  }
}
