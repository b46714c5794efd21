/**
 * Why a connection could not be made, in words: what was reached, what came instead of an answer, and what to do. Pure.
 *
 * @since 0.1.0
 */
import * as Answer from "./Answer.js"
import * as ClientTransport from "./ClientTransport.js"
import { McpConnectError } from "./McpError.js"
import type { McpTransport } from "./McpTransport.js"
import * as ServerConfig from "./ServerConfig.js"

/**
 * How far a connect has come.
 *
 * @since 0.1.0
 * @category models
 */
export interface Attempt {
  phase: McpConnectError["phase"]
  transport: McpTransport | undefined
  /** What came that is no message; only the first is kept, for the error. */
  readonly junk: Array<string>
}

/**
 * It was not over in time.
 *
 * @since 0.1.0
 * @category combinators
 */
export const unanswered = (attempt: Attempt, config: ServerConfig.ServerConfig, millis: number): string => {
  const which = address(config)
  if (attempt.phase !== "handshake") return `${which ?? "it"} could not be reached within ${millis} ms`
  const [first] = attempt.junk
  const by = which === undefined ? "" : ` by ${which}`
  const junk = first === undefined ? "" : ` (what came is not MCP: ${first})`
  return `initialize was not answered${by} within ${millis} ms${junk}; if it only needs longer, raise connectTimeout`
}

/** Without credentials and query, in which people keep keys. */
const address = (config: ServerConfig.ServerConfig): string | undefined => {
  if (ServerConfig.isStdio(config) || !URL.canParse(config.url)) return undefined
  const { origin, pathname } = new URL(config.url)
  return origin + pathname
}

/**
 * The handshake failed, by what the SDK's `Client` was rejected with.
 *
 * @since 0.1.0
 * @category combinators
 */
export const refused = (
  server: string,
  isProcess: boolean,
  transport: McpTransport,
  clean: (text: string) => string,
  cause: unknown
): McpConnectError => {
  const stderr = transport.diagnostics?.()
  if (cause instanceof ClientTransport.NotDelivered) {
    const { failure } = cause
    if (failure.cause instanceof McpConnectError) return failure.cause
    // A process that was started was reached, whatever became of the message.
    const reached = isProcess || failure.delivery === "Unknown"
    const phase = reached ? "handshake" : "dial"
    const { cause: seen, reason } = failure
    return new McpConnectError({ server, phase, reason, retryable: !reached, stderr, cause: seen })
  }
  // No `cause`: it quotes the server as it is, and the reason says what it said.
  return new McpConnectError({ server, phase: "handshake", reason: clean(reasonOf(cause)), retryable: false, stderr })
}

const reasonOf = (cause: unknown): string => {
  if (!(cause instanceof Error)) return `initialize failed: ${String(cause)}`
  return "issues" in cause && Array.isArray(cause.issues)
    ? // Zod's own message is a page of JSON; `issues` is what its errors are told by.
      `the answer to initialize is not MCP: ${Answer.describe({ issues: cause.issues })}`
    : `initialize failed: ${cause.message}`
}
