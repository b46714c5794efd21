/**
 * A connector for servers over HTTP that runs wherever `@effect/platform` has an `HttpClient`: in Bun, Deno, Workers, and
 * on Node. It has the whole protocol of `HttpTransport`; certificates, proxies, compression and how sockets are kept are
 * the client's. On Node, `@mooring/node` has one that costs a fraction. What it opens belongs to the scope of the effect
 * that opened it.
 *
 * @example
 * ```ts
 * import { FetchHttpClient } from "@effect/platform"
 * import { McpClient, McpHttp, McpPool } from "@mooring/mcp"
 * import { Layer } from "effect"
 *
 * export const MainLive = McpClient.layer.pipe(
 *   Layer.provide(McpPool.layer({ servers: { search: { url: "https://mcp.example.org/mcp" } } })),
 *   Layer.provide(McpHttp.layer),
 *   Layer.provide(FetchHttpClient.layer)
 * )
 * ```
 *
 * @since 0.1.0
 */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import type { HttpClientError } from "@effect/platform/HttpClientError"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Runtime from "effect/Runtime"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as CarrierErrors from "./CarrierErrors.js"
import * as HttpAddress from "./HttpAddress.js"
import type { HttpCarrier, HttpFlight, HttpRequest, HttpSink } from "./HttpCarrier.js"
import { HttpSettings } from "./HttpSettings.js"
import * as HttpTransport from "./HttpTransport.js"
import { Limits } from "./Limits.js"
import { McpConnector } from "./McpConnector.js"
import { McpConnectError } from "./McpError.js"
import * as ServerConfig from "./ServerConfig.js"

/**
 * Opens servers that have a `url`; others fail with an `McpConnectError` that is not retryable. Takes `HttpSettings` and
 * `Limits` from where it is made, if they are there.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<McpConnector["Type"], never, HttpClient.HttpClient> = Effect.gen(function* () {
  const client = (yield* HttpClient.HttpClient).pipe(
    HttpClient.withTracerDisabledWhen(() => true),
    HttpClient.withScope
  )
  const settings = Context.make(HttpSettings, yield* HttpSettings).pipe(Context.add(Limits, yield* Limits))
  const runtime = yield* Effect.runtime<never>()
  return {
    open: (key, config) => {
      if (ServerConfig.isStdio(config)) return refuse(key.toString())
      return Effect.gen(function* () {
        const address = yield* HttpAddress.make(key.toString(), config)
        const carrier: HttpCarrier = {
          acceptEncoding: "identity",
          send: (request, sink) => new Flight(client, runtime, address.origin, request, sink)
        }
        return yield* HttpTransport.make({ key, config, address, carrier })
      }).pipe(Effect.provide(settings))
    }
  }
})

/**
 * The connector of `make` as a layer.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<McpConnector, never, HttpClient.HttpClient> = Layer.effect(McpConnector, make)

const refuse = (server: string): Effect.Effect<never, McpConnectError> => {
  const reason = "it is a process, and this connector speaks HTTP only; NodeConnector of @mooring/node starts processes"
  return Effect.fail(new McpConnectError({ server, phase: "spawn", reason, retryable: false }))
}

/** One request on a fiber of its own, which holds all that it takes. */
class Flight implements HttpFlight {
  private over = false
  private readonly fiber: Fiber.RuntimeFiber<Exit.Exit<void, HttpClientError>>

  constructor(
    client: HttpClient.HttpClient.With<HttpClientError, Scope.Scope>,
    runtime: Runtime.Runtime<never>,
    origin: string,
    request: HttpRequest,
    private readonly sink: HttpSink
  ) {
    // Effect logs what fibers fail with, this one and those of streams, and here that holds the headers and the query.
    const flight = Effect.withUnhandledErrorLogLevel(this.fly(client, origin, request), Option.none())
    this.fiber = Runtime.runFork(runtime)(Effect.exit(flight))
    this.fiber.addObserver((exit) => this.land(Exit.flatten(exit)))
  }

  abort(): void {
    if (this.over) return
    this.over = true
    this.fiber.unsafeInterruptAsFork(this.fiber.id())
  }

  private fly(
    client: HttpClient.HttpClient.With<HttpClientError, Scope.Scope>,
    origin: string,
    { body, headers, method, path }: HttpRequest
  ): Effect.Effect<void, HttpClientError> {
    const bare = HttpClientRequest.make(method)(origin + path, { headers: pairs(headers) })
    const request = body === undefined ? bare : HttpClientRequest.bodyText(bare, body, "application/json")
    // After `send` has returned, so that it can be aborted from the first.
    return Effect.zipRight(
      Effect.yieldNow(),
      Effect.suspend(() => {
        if (this.over || !this.sink.starting()) {
          this.over = true
          return Effect.void
        }
        return Effect.flatMap(client.execute(request), (response) => {
          if (this.over) return Effect.void
          const { headers, status } = response
          this.sink.head({
            status,
            // Clients that decompress leave this as it was; others were asked for no compression.
            header: (name) => (name === "content-encoding" ? undefined : headers[name])
          })
          return Stream.runForEachChunk(response.stream, (chunks) =>
            Effect.sync(() => {
              for (const chunk of chunks) if (!this.over) this.sink.data(chunk)
            })
          )
        })
      })
    ).pipe(Effect.scoped, Effect.provideService(FetchHttpClient.RequestInit, { redirect: "manual" }))
  }

  private land(exit: Exit.Exit<void, HttpClientError>): void {
    if (!this.over) {
      this.over = true
      if (Exit.isSuccess(exit)) this.sink.end()
      else this.sink.failed(CarrierErrors.whenever(Cause.squash(exit.cause)))
    }
    this.sink.gone()
  }
}

const pairs = (list: ReadonlyArray<string>): Record<string, string> => {
  const headers: Array<readonly [string, string]> = []
  for (let at = 0; at < list.length; at += 2) headers.push([list[at] ?? "", list[at + 1] ?? ""])
  // `fromEntries` makes `__proto__` a header like any other.
  return Object.fromEntries(headers)
}
