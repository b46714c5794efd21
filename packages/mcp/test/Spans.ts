import { type Exit, Option, Tracer } from "effect"

/** A span as it was told. */
export class Recorded implements Tracer.Span {
  readonly _tag = "Span"
  readonly attributes = new Map<string, unknown>()
  readonly events: Array<readonly [string, unknown]> = []
  readonly sampled = true
  readonly links = []
  readonly spanId: string
  readonly traceId: string
  status: Tracer.SpanStatus
  exit: Exit.Exit<unknown, unknown> | undefined
  ends = 0

  constructor(
    readonly name: string,
    readonly parent: Option.Option<Tracer.AnySpan>,
    readonly context: Tracer.Span["context"],
    readonly kind: Tracer.SpanKind,
    startTime: bigint,
    number: number
  ) {
    this.status = { _tag: "Started", startTime }
    this.spanId = number.toString(16).padStart(16, "0")
    this.traceId = Option.match(parent, {
      onNone: () => number.toString(16).padStart(32, "0"),
      onSome: ({ traceId }) => traceId
    })
  }

  end(endTime: bigint, exit: Exit.Exit<unknown, unknown>): void {
    this.exit = exit
    this.ends++
    this.status = { _tag: "Ended", startTime: this.status.startTime, endTime, exit }
  }

  attribute(key: string, value: unknown): void {
    this.attributes.set(key, value)
  }

  event(name: string, _: bigint, attributes?: Record<string, unknown>): void {
    this.events.push([name, attributes])
  }

  addLinks(): void {}

  get shown(): Readonly<Record<string, unknown>> {
    return Object.fromEntries(this.attributes)
  }
}

/** A tracer as an application would install it, and what it was told. `began` hears of each span that begins. */
export const recording = (began?: (name: string) => void) => {
  const spans: Array<Recorded> = []
  const tracer = Tracer.make({
    span: (name, parent, context, _, startTime, kind) => {
      const span = new Recorded(name, parent, context, kind, startTime, spans.length + 1)
      spans.push(span)
      began?.(name)
      return span
    },
    context: (f) => f()
  })
  return { tracer, spans, named: (name: string) => spans.filter((span) => span.name === name) }
}
