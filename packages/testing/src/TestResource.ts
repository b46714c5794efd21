/**
 * A resource of a server in memory, or a template of many: what the server lists, and what it gives when it is read. A
 * value; what it runs belongs to the server's connection.
 *
 * @since 0.1.0
 */
import { UriTemplate } from "@modelcontextprotocol/sdk/shared/uriTemplate.js"
import type { ReadResourceResult, Resource, ResourceTemplate } from "@modelcontextprotocol/sdk/types.js"
import * as Effect from "effect/Effect"
import * as Encoding from "effect/Encoding"
import type { Completer } from "./TestPrompt.js"
import type { CallContext } from "./TestTool.js"

/**
 * What a handler may know of who asks.
 *
 * @since 0.1.0
 * @category models
 */
export type AskContext = Pick<CallContext, "server" | "partition" | "connection">

/**
 * What a resource holds: text, or bytes.
 *
 * @since 0.1.0
 * @category models
 */
export type Content = string | Uint8Array

/**
 * A resource of a server in memory, or a template.
 *
 * @since 0.1.0
 * @category models
 */
export interface TestResource<out R = never> {
  readonly definition: Resource | ResourceTemplate
  /** Reads what is at the URI; `undefined` where it is not this resource's. */
  readonly read: (uri: string, context: AskContext) => Effect.Effect<ReadResourceResult, unknown, R> | undefined
  /** What variables of the template may become. */
  readonly complete: Readonly<Record<string, Completer>>
}

/**
 * What the resource's handler needs from the environment of the layer.
 *
 * @since 0.1.0
 * @category models
 */
export type Context<T> = T extends TestResource<infer R> ? R : never

/**
 * What the server says of a resource besides its URI.
 *
 * @since 0.1.0
 * @category models
 */
export interface ResourceOptions {
  /** Default: the URI, or the template. */
  readonly name?: string | undefined
  readonly description?: string | undefined
  /** Default: none. */
  readonly mimeType?: string | undefined
}

/**
 * A resource at a URI. Its content is given, or made by an effect each time that it is read, whose failure is answered
 * with a JSON-RPC error (−32002) and the failure's text, its defect with −32603.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <E = never, R = never>(
  uri: string,
  content: Content | ((context: AskContext) => Effect.Effect<Content, E, R>),
  options: ResourceOptions = {}
  // Not to be taken from where it is used, or what needs nothing would seem to need what nobody knows.
): TestResource<NoInfer<R>> => {
  const definition: Resource = { uri, ...described(uri, options) }
  const contentFor = typeof content === "function" ? content : () => Effect.succeed(content)
  return {
    definition,
    read: (asked, context) => (asked === uri ? Effect.map(contentFor(context), holding(uri, options)) : undefined),
    complete: {}
  }
}

/**
 * All resources that a URI template (RFC 6570) has. `read` gets its variables; its failure is answered as in `make`.
 * `complete` says what a variable may become.
 *
 * @since 0.1.0
 * @category constructors
 */
export const template = <E = never, R = never>(
  uriTemplate: string,
  read: (variables: Readonly<Record<string, string>>, context: AskContext) => Effect.Effect<Content, E, R>,
  options: ResourceOptions & { readonly complete?: Readonly<Record<string, Completer>> | undefined } = {}
): TestResource<R> => {
  const parsed = new UriTemplate(uriTemplate)
  const definition: ResourceTemplate = { uriTemplate, ...described(uriTemplate, options) }
  return {
    definition,
    read: (uri, context) => {
      const found = parsed.match(uri)
      if (found === null) return undefined
      const variables = Object.fromEntries(Object.entries(found).map(([name, value]) => [name, String(value)]))
      return Effect.map(read(variables, context), holding(uri, options))
    },
    complete: options.complete ?? {}
  }
}

const described = (name: string, options: ResourceOptions) => ({
  name: options.name ?? name,
  ...(options.description === undefined ? {} : { description: options.description }),
  ...(options.mimeType === undefined ? {} : { mimeType: options.mimeType })
})

const holding =
  (uri: string, { mimeType }: ResourceOptions) =>
  (content: Content): ReadResourceResult => ({
    contents: [
      {
        uri,
        ...(mimeType === undefined ? {} : { mimeType }),
        ...(typeof content === "string" ? { text: content } : { blob: Encoding.encodeBase64(content) })
      }
    ]
  })
