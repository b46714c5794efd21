/**
 * What a server in memory asks of one client: ids, answers, and taking back what is not wanted any more. It belongs to a
 * connection of the server, and ends with it.
 *
 * @since 0.1.0
 */
import type { McpMemory, UrlElicitation } from "@mooring/mcp"
import {
  type ClientCapabilities,
  type CreateMessageRequestParams,
  type CreateMessageResultWithTools,
  CreateMessageResultWithToolsSchema,
  type ElicitRequestFormParams,
  type ElicitResult,
  ElicitResultSchema,
  type JSONRPCMessage,
  ListRootsResultSchema,
  type RequestId,
  type Root
} from "@modelcontextprotocol/sdk/types.js"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"

/**
 * The client answered with an error.
 *
 * @since 0.1.0
 * @category errors
 */
export class ClientRefused extends Data.TaggedError("ClientRefused")<{
  readonly code: number
  readonly reason: string
  readonly data?: unknown
}> {
  override get message(): string {
    return `The client refused: ${this.reason} (${this.code})`
  }
}

/**
 * What the handler of a tool can ask of its client. Each fails with `ClientRefused` when the client answers with an error,
 * waits for ever where it does not answer, and dies of an answer that is not MCP. Interrupting it takes the request back.
 * To a client whose configuration has a `url`, it is said which call it is asked for, as over HTTP.
 *
 * @since 0.1.0
 * @category models
 */
export interface Client {
  /** What the client has announced that it can be asked. */
  readonly capabilities: ClientCapabilities
  /** Any request. */
  readonly ask: (
    method: string,
    params?: Readonly<Record<string, unknown>>
  ) => Effect.Effect<Readonly<Record<string, unknown>>, ClientRefused>
  /** A message of a language model, for this prompt. */
  readonly sample: (
    prompt: string,
    request?: Partial<CreateMessageRequestParams>
  ) => Effect.Effect<CreateMessageResultWithTools, ClientRefused>
  /** A form, by its fields. */
  readonly elicit: (
    message: string,
    properties: ElicitRequestFormParams["requestedSchema"]["properties"],
    required?: ReadonlyArray<string>
  ) => Effect.Effect<ElicitResult, ClientRefused>
  /** An address that a person is to visit. */
  readonly visit: (elicitation: UrlElicitation.UrlElicitation) => Effect.Effect<ElicitResult, ClientRefused>
  /** The folders that the client works in. */
  readonly roots: Effect.Effect<ReadonlyArray<Root>, ClientRefused>
  /** Any notification. */
  readonly notify: (method: string, params?: Readonly<Record<string, unknown>>) => Effect.Effect<void>
}

/** What a request waits for. */
type Waiter = (answer: Effect.Effect<Readonly<Record<string, unknown>>, ClientRefused>) => void

/**
 * @since 0.1.0
 * @category models
 */
export class ClientRequests {
  /** What the client has said of itself. */
  capabilities: ClientCapabilities = {}
  private nextId = 0
  private readonly waiting = new Map<RequestId, Waiter>()

  constructor(private readonly end: Pick<McpMemory.ClientEnd, "send">) {}

  /** What can be asked for the sake of a request of the client's. */
  client(origin: RequestId): Client {
    const ask: Client["ask"] = (method, params) => this.ask(method, params, origin)
    return {
      capabilities: this.capabilities,
      ask,
      sample: (prompt, request) =>
        ask("sampling/createMessage", {
          messages: [{ role: "user", content: { type: "text", text: prompt } }],
          maxTokens: 100,
          ...request
        }).pipe(Effect.map((result) => CreateMessageResultWithToolsSchema.parse(result))),
      elicit: (message, properties, required = []) =>
        ask("elicitation/create", { message, requestedSchema: { type: "object", properties, required } }).pipe(
          Effect.map((result) => ElicitResultSchema.parse(result))
        ),
      visit: (elicitation) =>
        Effect.map(ask("elicitation/create", { mode: "url", ...elicitation }), (result) =>
          ElicitResultSchema.parse(result)
        ),
      roots: Effect.map(ask("roots/list"), (result) => ListRootsResultSchema.parse(result).roots),
      notify: (method, params) =>
        Effect.sync(() =>
          this.end.send({ jsonrpc: "2.0", method, ...(params === undefined ? {} : { params: { ...params } }) }, origin)
        )
    }
  }

  private ask(
    method: string,
    params: Readonly<Record<string, unknown>> | undefined,
    origin: RequestId
  ): Effect.Effect<Readonly<Record<string, unknown>>, ClientRefused> {
    return Effect.async((resume) => {
      const id = this.nextId++
      this.waiting.set(id, resume)
      this.end.send({ jsonrpc: "2.0", id, method, ...(params === undefined ? {} : { params: { ...params } }) }, origin)
      return Effect.sync(() => {
        if (!this.waiting.delete(id)) return
        this.end.send({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: id } }, origin)
      })
    })
  }

  /** An answer of the client's. One that nobody waits for is dropped. */
  answered(message: JSONRPCMessage): void {
    if (!("id" in message) || message.id === undefined || "method" in message) return
    const waiter = this.waiting.get(message.id)
    this.waiting.delete(message.id)
    if ("result" in message) return waiter?.(Effect.succeed(message.result))
    const { code, data, message: reason } = message.error
    waiter?.(Effect.fail(new ClientRefused({ code, reason, data })))
  }
}
