/**
 * What a hostile or broken server may cost at most: how large, how deep, how many, how often. One setting for every
 * connection and transport, the application's and not one server's. A reference: without one provided, the defaults
 * hold. It is read when a pool or a connector is made, never from a caller.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"

/**
 * @since 0.1.0
 * @category models
 */
export interface Values {
  /**
   * The longest message, either way. Bytes of UTF-8. Default: 8 MiB, which takes a good part of a second to parse at
   * worst; 64 MiB of empty objects take half a minute, in which nothing else runs.
   *
   * Beyond: a message of the server's is not read; over stdio and in memory the connection ends, over HTTP its request
   * fails. One of ours is not sent, and its call fails with `InvalidArguments`.
   */
  readonly messageBytes: number
  /**
   * How much one connection holds of requests that were given to it and have no answer yet. Counted in characters of
   * their JSON text, which is bytes for all but text outside of ASCII. Default: 256 MiB, 32 messages of full length.
   *
   * Beyond: a new request fails at once with `ConnectionSaturated`, and was not sent. A child process that does not
   * read its stdin, and for which more than this waits, has its connection ended. What has been received of messages
   * that are not complete is not counted here: it is at most one message (`messageBytes`) for each stream, of which a
   * stdio connection has one, and an HTTP connection one for each socket.
   */
  readonly inFlightBytes: number
  /**
   * How deep objects and arrays of a server's message may be nested. Levels, the message itself being the first.
   * Default: 512, a multiple of what any schema has, and a fraction of what would run a recursive reader out of stack.
   *
   * Beyond: the message is not parsed. If it answers a request, that fails at once with `ProtocolError` and
   * `malformedCode`; anything else is reported as junk. The connection goes on.
   */
  readonly depth: number
  /**
   * How many tools a server may list in all. Default: 1,000, each of which costs a language model thousands of tokens.
   *
   * Beyond: the list fails with `ProtocolError` and `malformedCode`.
   */
  readonly tools: number
  /**
   * How many entries any other list of a server may have in all: resources, resource templates, prompts, tasks. Default:
   * 10,000, since a server may well list each file of a folder.
   *
   * Beyond: as with `tools`.
   */
  readonly entries: number
  /**
   * How many pages a list may have. Default: 100, so that a list which never ends does. Beyond: as with `tools`. A
   * cursor that comes a second time is refused, too.
   */
  readonly pages: number
  /**
   * How many notifications a server may send, each second. Default: 100, more than any person or cache can follow.
   * Progress of pending requests is counted apart from all others, so that a tool that tells a lot of its progress
   * does not silence `list_changed`; each may be this often. What was not used in the last ten seconds may come at
   * once, since a tool that reports each of a thousand files is no attack.
   *
   * Beyond: what is too much is dropped and counted. A server that keeps sending a hundred times as many (10,000 a
   * second after the first 100,000; stray answers, junk and requests count there, too) has its connection
   * ended, with `ServerFlooding` as the cause.
   */
  readonly notificationsPerSecond: number
  /**
   * How many requests of a server's may be without our answer at once. Default: 16. Each may be a question to a person
   * or a language model.
   *
   * Beyond: refused at once, with a JSON-RPC error. One that was answered, or that the server cancelled, counts no
   * longer.
   */
  readonly serverRequests: number
}

/**
 * @since 0.1.0
 * @category constants
 */
export const defaults: Values = {
  messageBytes: 8 * 1024 * 1024,
  inFlightBytes: 256 * 1024 * 1024,
  depth: 512,
  tools: 1000,
  entries: 10_000,
  pages: 100,
  notificationsPerSecond: 100,
  serverRequests: 16
}

/**
 * @since 0.1.0
 * @category references
 */
export class Limits extends Context.Reference<Limits>()("@mooring/mcp/Limits", {
  defaultValue: (): Values => defaults
}) {}

/**
 * Other limits for everything that is built on this layer; what is not said is at its default.
 *
 * @example
 * ```ts
 * import { Limits, McpMemory, McpPool } from "@mooring/mcp"
 * import { Layer } from "effect"
 *
 * export const PoolLive = McpPool.layer({ servers: {} }).pipe(
 *   Layer.provide(McpMemory.layer({})),
 *   Layer.provide(Limits.layer({ messageBytes: 32 * 1024 * 1024 }))
 * )
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (limits: Partial<Values>): Layer.Layer<never> => Layer.succeed(Limits, { ...defaults, ...limits })
