/**
 * What a server in memory offers besides its tools: it declares it, lists it page by page, and answers what is asked of
 * it. Holds nothing between requests.
 *
 * @since 0.1.0
 */
import type { JSONRPCRequest, ServerCapabilities } from "@modelcontextprotocol/sdk/types.js"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import type { Completer, TestPrompt } from "./TestPrompt.js"
import type { AskContext, TestResource } from "./TestResource.js"

/**
 * An answer that is a JSON-RPC error.
 *
 * @since 0.1.0
 * @category models
 */
export class Refusal {
  constructor(
    readonly code: number,
    readonly message: string
  ) {}
}

type Result = Record<string, unknown>
type Answering<R> = Effect.Effect<Result, Refusal, R>

/**
 * One page of a list, whose entries stand under `name`. A cursor is where a page begins; any other is refused.
 *
 * @since 0.1.0
 * @category constructors
 */
export const page = (
  name: string,
  entries: ReadonlyArray<unknown>,
  pageSize: number,
  cursor: unknown
): Effect.Effect<Result, Refusal> => {
  const offset = cursor === undefined ? 0 : Number(cursor)
  if (!(Number.isInteger(offset) && offset >= 0)) return Effect.fail(new Refusal(invalidParams, "Unknown cursor"))
  const end = offset + pageSize
  const next = end < entries.length ? { nextCursor: String(end) } : {}
  return Effect.succeed({ [name]: entries.slice(offset, end), ...next })
}

/**
 * @since 0.1.0
 * @category models
 */
export class TestOffer<out R = never> {
  /** What it declares in the handshake. */
  readonly capabilities: ServerCapabilities
  private readonly prompts: ReadonlyMap<unknown, TestPrompt<R>>

  constructor(
    private readonly resources: ReadonlyArray<TestResource<R>>,
    prompts: ReadonlyArray<TestPrompt<R>>,
    private readonly pageSize: number
  ) {
    this.prompts = new Map(prompts.map((prompt) => [prompt.definition.name, prompt]))
    const completes = [...resources, ...prompts].some(({ complete }) => Object.keys(complete).length > 0)
    this.capabilities = {
      ...(resources.length > 0 ? { resources: {} } : {}),
      ...(prompts.length > 0 ? { prompts: {} } : {}),
      ...(completes ? { completions: {} } : {})
    }
  }

  /** Answers a request; `undefined` where it is not about what is offered. */
  answer({ method, params = {} }: JSONRPCRequest, context: AskContext): Answering<R> | undefined {
    const { completions, prompts, resources } = this.capabilities
    const list = (name: string, entries: ReadonlyArray<unknown>) => page(name, entries, this.pageSize, params["cursor"])
    const defined = this.resources.map(({ definition }) => definition)
    switch (method) {
      case "resources/list":
        return resources && list("resources", defined.filter(Predicate.hasProperty("uri")))
      case "resources/templates/list":
        return resources && list("resourceTemplates", defined.filter(Predicate.hasProperty("uriTemplate")))
      case "resources/read":
        return resources && this.read(String(params["uri"]), context)
      case "prompts/list":
        return (
          prompts &&
          list(
            "prompts",
            [...this.prompts.values()].map(({ definition }) => definition)
          )
        )
      case "prompts/get":
        return prompts && this.get(params["name"], texts(params["arguments"]), context)
      case "completion/complete":
        return completions && this.complete(params)
      default:
        return undefined
    }
  }

  private read(uri: string, context: AskContext): Answering<R> {
    for (const resource of this.resources) {
      const reading = resource.read(uri, context)
      if (reading !== undefined) return refusing(reading, resourceNotFound)
    }
    return Effect.fail(new Refusal(resourceNotFound, `Resource not found: ${uri}`))
  }

  private get(name: unknown, args: Readonly<Record<string, string>>, context: AskContext): Answering<R> {
    const prompt = this.prompts.get(name)
    return prompt === undefined
      ? Effect.fail(new Refusal(invalidParams, `Unknown prompt: ${String(name)}`))
      : refusing(
          Effect.suspend(() => prompt.get(args, context)),
          invalidParams
        )
  }

  private complete({ argument, context, ref }: Readonly<Record<string, unknown>>): Answering<never> {
    const completed = Predicate.isRecord(ref) ? this.completed(ref) : undefined
    if (completed === undefined) return Effect.fail(new Refusal(invalidParams, "There is no such prompt or template"))
    const { name, value } = texts(argument)
    const completer = new Map(Object.entries(completed.complete)).get(name ?? "")
    const chosen = texts(Predicate.isRecord(context) ? context["arguments"] : undefined)
    return Effect.sync(() => {
      const all = completer === undefined ? [] : valuesOf(completer, value ?? "", chosen)
      return { completion: { values: all.slice(0, 100), total: all.length, hasMore: all.length > 100 } }
    })
  }

  private completed({ name, type, uri }: Readonly<Record<string, unknown>>) {
    return type === "ref/prompt"
      ? this.prompts.get(name)
      : this.resources.find(({ definition }) => "uriTemplate" in definition && definition.uriTemplate === uri)
  }
}

/** JSON-RPC's code for parameters that do not fit, and MCP's for a resource that is not there. */
const invalidParams = -32602
const resourceNotFound = -32002

const valuesOf = (completer: Completer, value: string, chosen: Readonly<Record<string, string>>) =>
  typeof completer === "function" ? completer(value, chosen) : completer.filter((each) => each.startsWith(value))

/** The fields of an object that are texts. */
const texts = (given: unknown): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(Predicate.isRecord(given) ? given : {}).flatMap(([name, value]) =>
      typeof value === "string" ? [[name, value] as const] : []
    )
  )

/** A failure is refused with `code`, and what it says; a defect as an internal error. */
const refusing = <A extends Result, R>(answering: Effect.Effect<A, unknown, R>, code: number): Answering<R> =>
  Effect.catchAllCause(answering, (cause) => {
    const failure = Cause.failureOption(cause)
    if (Option.isSome(failure)) return Effect.fail(new Refusal(code, describe(failure.value)))
    return Cause.isInterruptedOnly(cause)
      ? Effect.interrupt
      : Effect.fail(new Refusal(-32603, `Internal error: ${describe(Cause.squash(cause))}`))
  })

/**
 * What an error says.
 *
 * @since 0.1.0
 * @category combinators
 */
export const describe = (error: unknown): string => (error instanceof Error ? error.message : String(error))
