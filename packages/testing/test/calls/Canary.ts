/**
 * A secret that is planted wherever a secret may stand, and looked for wherever one must not: `watching` keeps what a
 * program logs and traces, `traces` turns a value inside out, the hidden parts included.
 */
import { inspect } from "node:util"
import { Cause, Effect, Exit, FastCheck as fc, FiberRef, HashSet, Inspectable, Logger, LogLevel, Tracer } from "effect"

/** Recurs in every secret so often that no piece of eight characters is without it. */
const sign = /cnry/

/** Secrets of several shapes, none of which is without the sign for long. */
export const secrets: fc.Arbitrary<string> = fc.constantFrom(
  "cnrycnrycnry",
  'cnry"cnry/cnry+cnry&cnry',
  "cnry\\cnry=cnrycnry%cnry",
  "cnryäcnryöcnry",
  "Bearer cnrycnry.cnrycnry"
)

/** The same without what a header can not hold. */
export const headerSecrets = secrets.filter((secret) => /^[ -~]*$/.test(secret))

/** How a server may repeat a secret. */
export const echoes: fc.Arbitrary<(secret: string) => string> = fc.constantFrom(
  (secret) => `the key ${secret} is wrong`,
  (secret) => secret,
  (secret) => JSON.stringify({ authorization: secret }),
  (secret) => `https://example.org/?key=${encodeURIComponent(secret)}`,
  (secret) => `\u001b[31m${secret.slice(0, 3)}\u001b[0m${secret.slice(3)}`,
  // So that it is cut where text is.
  ...[150, 190, 199, 3990, 3999].map((length) => (secret: string) => `${"x".repeat(length)}${secret}`)
)

/** What a program has told the outside. */
export interface Watched {
  readonly logs: Array<string>
  readonly spans: Array<string>
}

/** Runs the program with loggers and a tracer that keep everything. */
export const watching = <A, E, R>(watched: Watched, program: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => {
  const loggers = [Logger.stringLogger, Logger.logfmtLogger, Logger.jsonLogger].map((logger) =>
    Logger.map(logger, (line) => void watched.logs.push(line))
  )
  const deep = Logger.make(({ annotations, cause, message, spans }) => {
    const told = Cause.pretty(cause, { renderErrorCause: true })
    watched.logs.push(told, ...traces([message, cause, [...annotations], [...spans].map(({ label }) => label)]))
  })
  return program.pipe(
    Effect.withTracer(keeping(watched)),
    Effect.locally(FiberRef.currentLoggers, HashSet.make(...loggers, deep)),
    Logger.withMinimumLogLevel(LogLevel.All)
  )
}

const keeping = (watched: Watched): Tracer.Tracer => {
  let count = 0
  return Tracer.make({
    span: (name, parent, context, links, startTime, kind) => {
      const attributes = new Map<string, unknown>()
      const span: Tracer.Span = {
        _tag: "Span",
        spanId: `span-${++count}`,
        traceId: "trace",
        name,
        parent,
        context,
        links,
        kind,
        sampled: true,
        attributes,
        status: { _tag: "Started", startTime },
        attribute: (key, value) => void attributes.set(key, value),
        event: (event, _, found) => void watched.spans.push(...traces([event, found])),
        addLinks: () => {},
        end: (_, exit) => {
          watched.spans.push(...traces([name, attributes, Exit.isFailure(exit) ? exit.cause : undefined]))
        }
      }
      return span
    },
    context: (f) => f()
  })
}

/** Everything that can be found out from a value, as text. */
export const traces = (value: unknown): ReadonlyArray<string> => {
  const found: Array<string> = []
  const attempt = (f: () => unknown) => {
    try {
      found.push(String(f()))
    } catch {
      // What cannot be shown shows nothing.
    }
  }
  attempt(() => value)
  attempt(() => JSON.stringify(value))
  attempt(() => inspect(value, { depth: 6, getters: true }))
  attempt(() => Inspectable.toStringUnknown(value))
  if (Cause.isCause(value)) attempt(() => Cause.pretty(value, { renderErrorCause: true }))
  found.push(...parts(value))
  return found
}

/** Every text that can be reached: through fields of every kind, getters of classes, maps and sets. */
const parts = (root: unknown): ReadonlyArray<string> => {
  const texts: Array<string> = []
  const seen = new Set<unknown>()
  const waiting = [root]
  while (waiting.length > 0) {
    const value = waiting.pop()
    if (typeof value === "string") texts.push(value)
    if (typeof value === "symbol") texts.push(String(value.description))
    if (typeof value !== "object" || value === null || seen.has(value)) continue
    seen.add(value)
    if (value instanceof Map) for (const [key, one] of value) waiting.push(key, one)
    if (value instanceof Set) for (const one of value) waiting.push(one)
    if (value instanceof Uint8Array) texts.push(new TextDecoder().decode(value))
    for (
      let owner: unknown = value;
      typeof owner === "object" && owner !== null;
      owner = Object.getPrototypeOf(owner)
    ) {
      if (owner === Object.prototype) break
      for (const key of Reflect.ownKeys(owner)) {
        texts.push(String(key))
        try {
          waiting.push(Reflect.get(owner, key, value))
        } catch {
          // A getter that is not for this value.
        }
      }
    }
    if (seen.size > 200_000) throw new Error("more can be reached than an error should hold")
  }
  return texts
}

/** Where the secret shows, shortened for whoever reads it. */
export const showing = (texts: ReadonlyArray<string>): ReadonlyArray<string> =>
  texts.flatMap((text) => {
    const at = text.search(sign)
    return at < 0 ? [] : [text.slice(Math.max(0, at - 120), at + 60)]
  })
