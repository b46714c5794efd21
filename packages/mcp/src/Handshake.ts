/**
 * How a connection begins: its transport is opened, its session is put on it, and the SDK's `Client` beside that says
 * `initialize`. What it is made of belongs to the scope that it is made in.
 *
 * @since 0.1.0
 */
import type { Deadlines } from "@mooring/pool"
import { Client } from "@modelcontextprotocol/sdk/client/index.js"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { ClientInfo } from "./ClientInfo.js"
import * as ClientTransport from "./ClientTransport.js"
import * as ConnectFailure from "./ConnectFailure.js"
import * as HandledRequest from "./HandledRequest.js"
import { McpConnector } from "./McpConnector.js"
import { McpConnectError } from "./McpError.js"
import { McpHandlers, questions } from "./McpHandlers.js"
import type { McpTransport } from "./McpTransport.js"
import type { RequestObserver } from "./PendingRequest.js"
import * as Redaction from "./Redaction.js"
import * as ServerConfig from "./ServerConfig.js"
import type { ServerKey } from "./ServerKey.js"
import * as ServerRequests from "./ServerRequests.js"
import * as Session from "./Session.js"

/**
 * What whoever opens a connection can say of it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** Its number among the connections of its pool; stands in log lines as `mcp.connection`. */
  readonly number?: number | undefined
  /** Keeps whoever opened it from closing it because it idles, until what it gives is called. Default: nothing. */
  readonly keep?: (() => () => void) | undefined
  /** Hears how each request ended. Default: nobody. */
  readonly observer?: RequestObserver | undefined
  /** Those that outlast it, for the deadlines of its requests. Default: its own, with a fiber for them. */
  readonly deadlines?: Deadlines.Deadlines | undefined
}

/**
 * What there is after the handshake.
 *
 * @since 0.1.0
 * @category models
 */
export interface Greeted {
  readonly transport: McpTransport
  readonly session: Session.Session
  /** Absent where the server may ask nothing. */
  readonly requests: ServerRequests.ServerRequests | undefined
  readonly client: Client
  readonly protocolVersion: string
}

/**
 * Opens a transport and does the handshake on it, both within `connectTimeout`. Fails with `McpConnectError`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  key: ServerKey,
  config: ServerConfig.ServerConfig,
  { connectTimeout }: Pick<ServerConfig.Settings, "connectTimeout">,
  options: Options
): Effect.Effect<Greeted, McpConnectError, Scope.Scope | McpConnector> => {
  const server = key.toString()
  const attempt: ConnectFailure.Attempt = {
    phase: ServerConfig.isStdio(config) ? "spawn" : "dial",
    transport: undefined,
    junk: []
  }
  return Effect.timeoutFail(connect(key, config, attempt, options), {
    duration: connectTimeout,
    onTimeout: () =>
      new McpConnectError({
        server,
        phase: attempt.phase,
        reason: ConnectFailure.unanswered(attempt, config, connectTimeout),
        retryable: false,
        stderr: attempt.transport?.diagnostics?.()
      })
  })
}

const connect = (
  key: ServerKey,
  config: ServerConfig.ServerConfig,
  attempt: ConnectFailure.Attempt,
  { deadlines, number, observer }: Options
): Effect.Effect<Greeted, McpConnectError, Scope.Scope | McpConnector> =>
  Effect.gen(function* () {
    const server = key.toString()
    const redaction = Redaction.make(ServerConfig.secrets(config))
    const connector = yield* McpConnector
    const transport = yield* connector.open(key, config)
    const clean = (text: string) => Redaction.passage(redaction, transport.clean?.(text) ?? text)
    attempt.transport = transport
    attempt.phase = "handshake"
    const session = yield* Session.make(transport, { server, clean, observer, deadlines })
    session.listen({
      event: (event) => {
        if (event._tag === "Junk" && attempt.junk.length === 0) attempt.junk.push(event.reason)
      }
    })
    const service = yield* McpHandlers
    const asked = new Set(config.mayAsk ?? questions(service.handlers))
    const ties = () => transport.ties?.() ?? false
    const requests =
      asked.size === 0
        ? undefined
        : yield* ServerRequests.make({ session, key, number, questions: asked, service, ties })
    const capabilities = HandledRequest.capabilities(asked)
    const client = new Client(yield* ClientInfo, { capabilities, jsonSchemaValidator: noValidator })
    // Late, unknown or unreadable messages: the session has counted them, and none is fatal.
    client.onerror = () => {}
    const beside = ClientTransport.make(session, (version) => {
      transport.setProtocolVersion?.(version)
      if (requests !== undefined) requests.greeted = true
    })
    const isProcess = ServerConfig.isStdio(config)
    yield* handshake(client, beside, session, (cause) =>
      ConnectFailure.refused(server, isProcess, transport, clean, cause)
    )
    // What the application answers may be asked at any time, not only in the response to a call.
    if ([...questions(service.handlers)].some((question) => asked.has(question))) transport.listen?.()
    return { transport, session, requests, client, protocolVersion: beside.protocolVersion() }
  })

const handshake = (
  client: Client,
  transport: ClientTransport.ClientTransport,
  session: Session.Session,
  refused: (cause: unknown) => McpConnectError
): Effect.Effect<void, McpConnectError> =>
  Effect.suspend(() => {
    let ended: ClientTransport.NotDelivered | undefined
    // Outside of `async`: the session keeps what listens for as long as it is open, and would keep the connect's fiber.
    session.listen({
      closed: (reason, cause) => {
        ended = new ClientTransport.NotDelivered({ reason, delivery: "Unknown", fatal: true, cause })
      }
    })
    return Effect.async<void, McpConnectError>((resume) => {
      // No deadline of the SDK's: when it passes, the SDK cancels `initialize`, which the specification forbids.
      client.connect(transport, { timeout: longestTimer }).then(
        () => resume(ended === undefined ? Effect.void : Effect.fail(refused(ended))),
        (cause: unknown) => resume(Effect.fail(refused(ended ?? cause)))
      )
    })
  })

/** The longest that a timer of JavaScript can run. Milliseconds. */
const longestTimer = 2 ** 31 - 1

/** Results are checked here, never by the SDK's `Client`, whose default would load a compiler for each connection. */
const noValidator = {
  getValidator: () => () => ({ valid: false as const, data: undefined, errorMessage: "not used" })
}
