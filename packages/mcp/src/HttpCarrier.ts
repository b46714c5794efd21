/**
 * What carries HTTP requests for `HttpTransport`, which knows MCP and no sockets: sockets of our own on Node,
 * `@effect/platform`'s `HttpClient` elsewhere. A carrier reaches one origin and knows nothing of MCP. Everything is told by synchronous
 * calls, so that a request costs neither a fiber nor a stream.
 *
 * @since 0.1.0
 */

/**
 * One HTTP request.
 *
 * @since 0.1.0
 * @category models
 */
export interface HttpRequest {
  readonly method: "POST" | "GET" | "DELETE"
  /** Path and query within the carrier's origin. */
  readonly path: string
  /** Names and values in turn. Shared by requests: not to be changed. */
  readonly headers: ReadonlyArray<string>
  readonly body: string | undefined
}

/**
 * The beginning of a response.
 *
 * @since 0.1.0
 * @category models
 */
export interface HttpHead {
  readonly status: number
  /** The value of a header, by its lower-case name; several are joined by `, `, which is the same to HTTP. */
  header(name: string): string | undefined
}

/**
 * Why there is no response, or no end of it.
 *
 * - `refused`: nobody listens there
 * - `unknownHost`: the host's name does not exist; `noName`: it could not be looked up for now
 * - `connectTimeout`: the connection was not accepted in time
 * - `unreachable`: it could not be connected to for another reason
 * - `refusedByProxy`: the proxy that leads there does not lead us there
 * - `tls`: no secure connection could be agreed on
 * - `unfit`: the request cannot be written
 * - `tooLong`: what was decompressed is longer than a message may be
 * - `cutOff`: the connection ended, or broke the rules of HTTP, after the request may have left
 *
 * @since 0.1.0
 * @category models
 */
export interface CarrierFailure {
  readonly kind:
    | "refused"
    | "unknownHost"
    | "noName"
    | "connectTimeout"
    | "unreachable"
    | "refusedByProxy"
    | "tls"
    | "unfit"
    | "tooLong"
    | "cutOff"
  /** Whether any of the request's bytes can have left. */
  readonly sent: boolean
  /** What the system calls it. */
  readonly code: string
  readonly cause: unknown
}

/**
 * Who hears of a request: `starting`, `head`, any number of `data`, then `end` or `failed`, and last of all `gone`. A
 * failure can come at any point. After an abort, only `gone` is called.
 *
 * @since 0.1.0
 * @category models
 */
export interface HttpSink {
  /** The first byte is about to leave. `false`: the request is not wanted any more, and must not leave. */
  starting(): boolean
  /** The response has begun. Informational responses are not told. */
  head(head: HttpHead): void
  /** Decoded bytes of the body. They are the carrier's again when this returns: who keeps them, copies. */
  data(chunk: Uint8Array): void
  /** The response is whole. */
  end(): void
  failed(failure: CarrierFailure): void
  /** Called exactly once: the request holds nothing any more, and its socket is free or closed. */
  gone(): void
}

/**
 * A request on its way.
 *
 * @since 0.1.0
 * @category models
 */
export interface HttpFlight {
  /** Ends it, its socket included. Does nothing when it is over. */
  abort(): void
}

/**
 * @since 0.1.0
 * @category models
 */
export interface HttpCarrier {
  /** The value of `Accept-Encoding`. What it names, the carrier decodes, and hides `content-encoding`. */
  readonly acceptEncoding: string
  /** Sends a request. Never throws. The sink may be called before this returns. */
  readonly send: (request: HttpRequest, sink: HttpSink) => HttpFlight
}
