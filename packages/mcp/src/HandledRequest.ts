/**
 * The requests that a server may send, each read and checked as MCP has it, and what handlers answer to it, checked as
 * well. Values and descriptions only: running them, and sending anything, is for `ServerRequests`.
 *
 * @since 0.1.0
 */
import {
  type ClientCapabilities,
  type CreateMessageRequestParams,
  CreateMessageRequestParamsSchema,
  CreateMessageResultSchema,
  CreateMessageResultWithToolsSchema,
  ElicitRequestFormParamsSchema,
  ElicitRequestURLParamsSchema,
  ErrorCode,
  type JSONRPCRequest,
  ListRootsResultSchema
} from "@modelcontextprotocol/sdk/types.js"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Answer from "./Answer.js"
import * as ElicitationForm from "./ElicitationForm.js"
import { HandlersRefused } from "./HandlerError.js"
import {
  type Elicitation,
  type Handlers,
  questions as questionsOf,
  Refused,
  type RequestContext
} from "./McpHandlers.js"
import type * as ServerConfig from "./ServerConfig.js"
import * as UrlElicitation from "./UrlElicitation.js"

/**
 * What a server may ask of one client.
 *
 * @since 0.1.0
 * @category models
 */
export type Questions = ReadonlySet<ServerConfig.Question>

/**
 * A request of a server's that can be handled.
 *
 * @since 0.1.0
 * @category models
 */
export interface HandledRequest {
  /** The elicitation whose completion the server may tell later. */
  readonly elicitationId?: string | undefined
  /** What these handlers have for it; `undefined` where that is nothing. It gives the result, and dies of one that MCP has not. */
  readonly by: (handlers: Handlers) => Handle | undefined
}

/** Runs a handler. */
type Handle = (context: RequestContext) => Effect.Effect<Readonly<Record<string, unknown>>, Refused>

/**
 * What a handler gave cannot be sent. A defect of the application's, for its log alone.
 *
 * @since 0.1.0
 * @category errors
 */
export class UnfitAnswer extends Data.TaggedError("UnfitAnswer")<{ readonly method: string; readonly reason: string }> {
  override get message(): string {
    return `What the handler of ${this.method} gave is not what MCP has there: ${this.reason}`
  }
}

/**
 * Reads a request: `undefined` where its method is none that may be asked, and what it is refused with where it is not as
 * MCP has it. `clean` makes text of the server's fit to be shown.
 *
 * @since 0.1.0
 * @category constructors
 */
export const read = (
  { method, params }: JSONRPCRequest,
  questions: Questions,
  clean: (text: string) => string
): HandledRequest | Refused | undefined => {
  switch (method) {
    case "sampling/createMessage":
      return questions.has("sampling") ? sampling(params, questions) : undefined
    case "elicitation/create": {
      const asksForUrl = params?.["mode"] === "url"
      if (!questions.has("elicitation.form") && !questions.has("elicitation.url")) return undefined
      if (!questions.has(asksForUrl ? "elicitation.url" : "elicitation.form")) {
        // https://modelcontextprotocol.io/specification/2025-11-25/client/elicitation#error-handling
        return invalid(`this client has no elicitation of mode "${asksForUrl ? "url" : "form"}"`)
      }
      return asksForUrl ? url(params, clean) : form(params, clean)
    }
    case "roots/list":
      return questions.has("roots") ? roots : undefined
    default:
      return undefined
  }
}

/**
 * What is announced of them in the handshake.
 *
 * @since 0.1.0
 * @category accessors
 */
export const capabilities = (questions: Questions): ClientCapabilities => {
  const form = questions.has("elicitation.form")
  const url = questions.has("elicitation.url")
  return {
    ...(questions.has("sampling") && {
      sampling: {
        ...(questions.has("sampling.tools") && { tools: {} }),
        ...(questions.has("sampling.context") && { context: {} })
      }
    }),
    ...((form || url) && { elicitation: { ...(form && { form: {} }), ...(url && { url: {} }) } }),
    ...(questions.has("roots") && { roots: { listChanged: true } })
  }
}

/**
 * Why these handlers cannot be used: the server was told in the handshake that it may ask what is `announced`. Says what
 * its configuration has to name, all of it: `mayAsk` takes the place of what the application's handlers answer.
 *
 * @since 0.1.0
 * @category errors
 */
export const unannounced = (server: string, announced: Questions, handlers: Handlers): HandlersRefused => {
  const wanted = questionsOf(handlers)
  const all = [...new Set([...announced, ...wanted])].map((question) => `"${question}"`).join(", ")
  const what = wanted.filter((question) => !announced.has(question)).join(", ")
  const reason =
    what === ""
      ? "there are none, and the server was told that it may ask nothing (mayAsk of its configuration)"
      : `the server was not told that it may ask for ${what}; say mayAsk: [${all}] in its configuration`
  return new HandlersRefused({ server, reason })
}

const sampling = (params: unknown, questions: Questions): HandledRequest | Refused => {
  const request = parsed(CreateMessageRequestParamsSchema, params)
  if (request instanceof Refused) return request
  const withTools = request.tools !== undefined || request.toolChoice !== undefined
  if (withTools && !questions.has("sampling.tools")) return withoutTools
  const wrong = misplacedToolResult(request)
  if (wrong !== undefined) return invalid(wrong)
  const schema = withTools ? CreateMessageResultWithToolsSchema : CreateMessageResultSchema
  return {
    by: ({ sampling: handler }) => {
      if (handler === undefined) return undefined
      if (withTools && handler.tools !== true) return () => Effect.fail(withoutTools)
      return (context) =>
        Effect.flatMap(handler.createMessage(request, context), (result) =>
          fitting("sampling/createMessage", schema, result)
        )
    }
  }
}

const form = (params: unknown, clean: (text: string) => string): HandledRequest | Refused => {
  const read = parsed(ElicitRequestFormParamsSchema, params)
  if (read instanceof Refused) return read
  const { properties, required = [] } = read.requestedSchema
  if (!required.every((name) => Object.hasOwn(properties, name))) {
    return invalid("requestedSchema.required: a field that the form does not have")
  }
  const request = { ...read, message: clean(read.message) }
  const complete = (content: ElicitationForm.Content | undefined) =>
    Effect.orDie(
      Effect.mapError(
        ElicitationForm.complete(request.requestedSchema, content),
        ({ reason }) => new UnfitAnswer({ method: "elicitation/create", reason })
      )
    )
  return {
    by: elicitedBy(
      ({ form }) => form && ((context) => form(request, context)),
      ({ content }) => Effect.map(complete(content), (whole) => ({ action: "accept", content: whole }))
    )
  }
}

const url = (params: unknown, clean: (text: string) => string): HandledRequest | Refused => {
  const read = parsed(ElicitRequestURLParamsSchema, params)
  if (read instanceof Refused) return read
  const address = UrlElicitation.address(read.url)
  if (address === undefined) return invalid("url: expected an address that begins with http:// or https://")
  const request = { ...read, url: address, message: clean(read.message) }
  return {
    elicitationId: request.elicitationId,
    by: elicitedBy(
      ({ url }) => url && ((context) => url(request, context)),
      () => Effect.succeed({ action: "accept" })
    )
  }
}

type Elicit = NonNullable<Elicitation["form"]>
type Asked = (context: RequestContext) => ReturnType<Elicit>
type Accepted = Extract<Effect.Effect.Success<ReturnType<Elicit>>, { readonly action: "accept" }>

const elicitedBy =
  (
    asks: (handlers: Elicitation) => Asked | undefined,
    accepted: (answer: Accepted) => Effect.Effect<Readonly<Record<string, unknown>>>
  ): HandledRequest["by"] =>
  ({ elicitation }) => {
    const ask = elicitation && asks(elicitation)
    return (
      ask &&
      ((context) =>
        Effect.flatMap(ask(context), (answer) => {
          // Types do not reach what JavaScript gives.
          const { action }: { readonly action: unknown } = answer
          if (answer.action === "accept") return accepted(answer)
          if (action === "decline" || action === "cancel") return Effect.succeed({ action })
          return Effect.die(new UnfitAnswer({ method: "elicitation/create", reason: "it has no action" }))
        }))
    )
  }

const roots: HandledRequest = {
  by: ({ roots: handler }) =>
    handler &&
    ((context) =>
      Effect.flatMap(handler.list(context), (list) =>
        fitting("roots/list", ListRootsResultSchema, { roots: [...list] })
      ))
}

const fitting = (
  method: string,
  schema: Answer.ResultSchema<unknown>,
  result: Readonly<Record<string, unknown>>
): Effect.Effect<Readonly<Record<string, unknown>>> => {
  const read = schema.safeParse(result)
  return read.success
    ? Effect.succeed(result)
    : Effect.die(new UnfitAnswer({ method, reason: Answer.describe(read.error) }))
}

const parsed = <A>(schema: Answer.ResultSchema<A>, params: unknown): A | Refused => {
  if (Answer.isTooLarge(params)) return invalid(`more than ${Answer.mostValues} values`)
  const read = schema.safeParse(params ?? {})
  return read.success ? read.data : invalid(Answer.describe(read.error, "params"))
}

const invalid = (reason: string): Refused => new Refused({ code: ErrorCode.InvalidParams, reason })

const withoutTools = invalid("this client lets no model use tools (sampling.tools)")

/** https://modelcontextprotocol.io/specification/2025-11-25/client/sampling#message-content-constraints */
const misplacedToolResult = ({ messages }: CreateMessageRequestParams): string | undefined => {
  let open: ReadonlySet<string> = new Set()
  for (const [at, { content, role }] of messages.entries()) {
    const blocks = Array.isArray(content) ? content : [content]
    const results = blocks.flatMap((block) => (block.type === "tool_result" ? [block.toolUseId] : []))
    if (results.length > 0 && (results.length < blocks.length || role !== "user")) {
      return `messages.${at}: tool results mixed with other content`
    }
    const answered = new Set(results)
    if (answered.size !== open.size || [...open].some((id) => !answered.has(id))) {
      return `messages.${at}: tool result missing in request`
    }
    open = new Set(blocks.flatMap((block) => (block.type === "tool_use" ? [block.id] : [])))
  }
  return open.size === 0 ? undefined : "tool result missing in request"
}
