/**
 * What answers the requests of servers: for text of a language model (sampling), for something that a person is to say
 * (elicitation), for the folders that an application works in (roots). An application provides handlers for all of its
 * servers with `layer`; a session (`client.session(server, { handlers })`) or a call (`CallOptions.handlers`) may bring its
 * own, which answer what is asked for its sake alone. Without any, nothing is announced, and all is refused.
 *
 * A handler runs on a fiber of its connection, with services of the layer, and never in the context of a caller. It is
 * interrupted when the server takes its request back, when the connection ends, when the call that the request belongs to
 * has ended, when its session ends, and when its time (`timeout`) is over.
 *
 * @since 0.1.0
 */
import type {
  CreateMessageRequestParams,
  CreateMessageResult,
  CreateMessageResultWithTools,
  ElicitRequestFormParams,
  ElicitRequestURLParams,
  Root
} from "@modelcontextprotocol/sdk/types.js"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import type * as ElicitationForm from "./ElicitationForm.js"
import * as RootChanges from "./RootChanges.js"
import type * as ServerConfig from "./ServerConfig.js"
import type { ServerKey } from "./ServerKey.js"

/**
 * For what a server asks.
 *
 * @since 0.1.0
 * @category models
 */
export interface RequestContext {
  /** The server's name in the configuration. */
  readonly server: string
  /** Whose connection it is: the server with its partition. */
  readonly key: ServerKey
  /** The connection's number in its pool. */
  readonly connection: number | undefined
  /**
   * The request of ours that made the server ask, where the transport can tell: over Streamable HTTP, when the server asks
   * in its response. Over stdio nothing says it.
   */
  readonly origin: Origin | undefined
  /**
   * Makes text of the server's fit to be shown: secrets are hidden, control characters go, what is too long is cut. The
   * `message` of an elicitation has been through it; names and titles of its fields have not.
   */
  readonly clean: (text: string) => string
}

/**
 * A request of ours.
 *
 * @since 0.1.0
 * @category models
 */
export interface Origin {
  readonly method: string
  /** The tool, where a tool is called. */
  readonly tool: string | undefined
  readonly requestId: number
}

/**
 * The handler does not answer. The server gets `code`, `reason` and `data` as they are, so none must hold what the server
 * may not know. Any other failure of a handler is a defect: it is logged, and the server is told that there was one
 * (−32603), and nothing of it.
 *
 * @since 0.1.0
 * @category errors
 */
export class Refused extends Data.TaggedError("Refused")<{
  /** A code of JSON-RPC (https://www.jsonrpc.org/specification#error_object), or one that the server knows. */
  readonly code: number
  readonly reason: string
  readonly data?: unknown
}> {
  override get message(): string {
    return `${this.reason} (${this.code})`
  }
}

/**
 * The person has not let the server have a message of the model's: −1, as the specification has it.
 *
 * @since 0.1.0
 * @category errors
 */
export const rejected: Refused = new Refused({ code: -1, reason: "User rejected sampling request" })

/**
 * What a server wants of a language model: `messages`, `maxTokens` and the like.
 *
 * @since 0.1.0
 * @category models
 */
export interface SamplingRequest extends CreateMessageRequestParams {}

/**
 * A message of a language model. See `message` for one that is text.
 *
 * @since 0.1.0
 * @category models
 */
export interface Message extends CreateMessageResult {}

/**
 * A message of a language model that may use the tools of the request.
 *
 * @since 0.1.0
 * @category models
 */
export interface MessageWithTools extends CreateMessageResultWithTools {}

/**
 * A form that a server wants to have filled in. `ElicitationForm` reads its `requestedSchema`.
 *
 * @since 0.1.0
 * @category models
 */
export interface FormRequest extends ElicitRequestFormParams {}

/**
 * An address that a server wants to have visited.
 *
 * @since 0.1.0
 * @category models
 */
export interface UrlRequest extends ElicitRequestURLParams {}

/**
 * Asks a language model for a server.
 *
 * @since 0.1.0
 * @category models
 */
export interface Sampling<out R = never> {
  /**
   * Gives the message. A person should have seen what is asked and what is answered, as the specification wants it;
   * `rejected` says no. What is given is checked: an answer that MCP does not have counts as a defect.
   */
  readonly createMessage: (
    request: SamplingRequest,
    context: RequestContext
  ) => Effect.Effect<Message | MessageWithTools, Refused, R>
  /** Whether it can let the model use `tools` of the request. Default false: such a request is refused (−32602). */
  readonly tools?: boolean | undefined
  /** Whether it heeds `includeContext`. Default false. */
  readonly context?: boolean | undefined
}

/**
 * What a person did with a form or an address. `cancel` is no choice at all: the window was closed.
 *
 * @since 0.1.0
 * @category models
 */
export type Elicited =
  | { readonly action: "accept"; readonly content?: ElicitationForm.Content | undefined }
  | { readonly action: "decline" }
  | { readonly action: "cancel" }

/**
 * Asks a person for a server.
 *
 * @since 0.1.0
 * @category models
 */
export interface Elicitation<out R = never> {
  /**
   * Has a person fill in a form. Fields that are left out get the defaults of the form, and what is accepted must fit it:
   * see `ElicitationForm.complete`, which a handler may use itself, to ask again. What does not fit is not sent; it counts
   * as a defect.
   */
  readonly form?: ((request: FormRequest, context: RequestContext) => Effect.Effect<Elicited, Refused, R>) | undefined
  /**
   * Has a person visit an address, `http` or `https` alone, which may be anybody's: show all of it, open it only with their
   * consent, and never through a shell. `accept` means that they will, not that they are done.
   */
  readonly url?: ((request: UrlRequest, context: RequestContext) => Effect.Effect<Elicited, Refused, R>) | undefined
  /**
   * What a person was to do at an address is done. `elicitationId` is one that `url` has accepted, or that a call has
   * failed with (`UrlElicitationRequired`). Told once. Default: nothing is done.
   */
  readonly completed?: ((elicitationId: string, context: RequestContext) => Effect.Effect<void, never, R>) | undefined
}

/**
 * Says which folders an application works in.
 *
 * @since 0.1.0
 * @category models
 */
export interface Roots<out R = never> {
  /** The folders now. Every `uri` begins with `file://`. */
  readonly list: (context: RequestContext) => Effect.Effect<ReadonlyArray<Root>, Refused, R>
  /**
   * They may be others now: for each element, every server that they concern is told so. Runs as long as the layer, or the
   * session; not heard of a call's handlers. Default: they never change. See also `roots`.
   */
  readonly changes?: Stream.Stream<unknown, never, R> | undefined
}

/**
 * Handlers, as few as there are. What is not there is not announced.
 *
 * @since 0.1.0
 * @category models
 */
export interface Handlers<out R = never> {
  readonly sampling?: Sampling<R> | undefined
  readonly elicitation?: Elicitation<R> | undefined
  readonly roots?: Roots<R> | undefined
  /** How long a handler may take. It is interrupted then, and the server told so (−32001). Default 10 minutes. */
  readonly timeout?: Duration.DurationInput | undefined
}

/**
 * What handlers need from the environment.
 *
 * @since 0.1.0
 * @category models
 */
export type Needs<H> = H extends Handlers<infer R> ? (unknown extends R ? never : R) : never

/**
 * The handlers of an application.
 *
 * @since 0.1.0
 * @category models
 */
export interface Service {
  readonly handlers: Handlers
  /** Calls `hook` whenever the roots have changed. What is given back ends it. */
  readonly onRootsChanged: (hook: () => void) => () => void
}

/**
 * The handlers of everything that is built on the layer of this. Default: none. It is read when a pool or a connection is
 * made, never from a caller.
 *
 * @since 0.1.0
 * @category references
 */
export class McpHandlers extends Context.Reference<McpHandlers>()("@mooring/mcp/McpHandlers", {
  defaultValue: (): Service => ({ handlers: {}, onRootsChanged: () => () => {} })
}) {}

/**
 * Handlers with the services that they need, which are those of this moment. What of `roots` changes is heard until the
 * scope closes.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <const H extends Handlers<unknown>>(
  handlers: H
): Effect.Effect<Service, never, Needs<H> | Scope.Scope> =>
  Effect.gen(function* () {
    // A handler needs no more than `Needs` says.
    const given = handlers as Handlers<Needs<H>>
    const context = yield* Effect.context<Needs<H>>()
    const hooks = new Set<() => void>()
    const changes = given.roots?.changes
    if (changes !== undefined) {
      yield* RootChanges.follow(changes, () => {
        for (const hook of hooks) hook()
      })
    }
    return {
      handlers: provided(given, context),
      onRootsChanged: (hook) => {
        hooks.add(hook)
        return () => hooks.delete(hook)
      }
    }
  })

/**
 * The handlers of an application, for all of its servers: goes under the layer of the pool. Services that they need are
 * taken from where the layer is built. What a server may ask can be narrowed, or left to sessions and calls, by the
 * `mayAsk` of its configuration.
 *
 * @example
 * ```ts
 * import { McpHandlers, McpPool } from "@mooring/mcp"
 * import { Effect, Layer } from "effect"
 *
 * const Handlers = McpHandlers.layer({
 *   elicitation: { form: () => Effect.succeed(McpHandlers.decline) },
 *   roots: { list: () => Effect.succeed([{ uri: "file:///home/ada/project" }]) }
 * })
 *
 * export const PoolLive = McpPool.layer({ servers: { notes: { command: "notes-server" } } }).pipe(Layer.provide(Handlers))
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = <const H extends Handlers<unknown>>(handlers: H): Layer.Layer<never, never, Needs<H>> =>
  Layer.scoped(McpHandlers, make(handlers))

/**
 * Roots that are held in a reference: whenever that is set, servers are told.
 *
 * @since 0.1.0
 * @category constructors
 */
export const roots = <A extends ReadonlyArray<Root>>(ref: SubscriptionRef.SubscriptionRef<A>): Roots => ({
  list: () => SubscriptionRef.get(ref),
  // The first is what they are already.
  changes: Stream.drop(ref.changes, 1)
})

/**
 * A message of a language model that is text.
 *
 * @since 0.1.0
 * @category constructors
 */
export const message = (model: string, text: string, stopReason = "endTurn"): Message => ({
  role: "assistant",
  model,
  stopReason,
  content: { type: "text", text }
})

/**
 * The person agrees, with what a form was filled in with.
 *
 * @since 0.1.0
 * @category constructors
 */
export const accept = (content?: ElicitationForm.Content): Elicited => ({ action: "accept", content })

/**
 * The person says no.
 *
 * @since 0.1.0
 * @category constructors
 */
export const decline: Elicited = { action: "decline" }

/**
 * The person says nothing.
 *
 * @since 0.1.0
 * @category constructors
 */
export const cancel: Elicited = { action: "cancel" }

/**
 * What these handlers can be asked.
 *
 * @since 0.1.0
 * @category accessors
 */
export const questions = ({ elicitation, roots, sampling }: Handlers): ReadonlyArray<ServerConfig.Question> => [
  ...(sampling === undefined ? [] : (["sampling"] as const)),
  ...(sampling?.tools === true ? (["sampling.tools"] as const) : []),
  ...(sampling?.context === true ? (["sampling.context"] as const) : []),
  ...(elicitation?.form === undefined ? [] : (["elicitation.form"] as const)),
  ...(elicitation?.url === undefined ? [] : (["elicitation.url"] as const)),
  ...(roots === undefined ? [] : (["roots"] as const))
]

const provided = <R>({ elicitation, roots, sampling, timeout }: Handlers<R>, context: Context.Context<R>): Handlers => {
  const within =
    <In extends ReadonlyArray<unknown>, A, E>(handler: (...given: In) => Effect.Effect<A, E, R>) =>
    (...given: In): Effect.Effect<A, E> =>
      Effect.provide(
        Effect.suspend(() => handler(...given)),
        context
      )
  return {
    timeout,
    sampling: sampling && { ...sampling, createMessage: within(sampling.createMessage) },
    elicitation: elicitation && {
      form: elicitation.form && within(elicitation.form),
      url: elicitation.url && within(elicitation.url),
      completed: elicitation.completed && within(elicitation.completed)
    },
    roots: roots && {
      list: within(roots.list),
      changes: roots.changes && Stream.provideContext(roots.changes, context)
    }
  }
}
