/**
 * Reaches one origin through a proxy. Shared by connections; closing it ends every socket.
 *
 * An edge file: it drives `undici` at the level of `dispatch`, and learns from the host when a socket is free.
 */
import type { HttpCarrier } from "@mooring/mcp"
import type { buildConnector, Dispatcher, ProxyAgent } from "undici"
import { Flight, type Runway } from "./Flight.js"

export interface Options {
  readonly origin: string
  readonly decompresses: boolean
  readonly connect: buildConnector.BuildOptions
  /** The proxy's address. */
  readonly proxy: string
  readonly ProxyAgent: typeof ProxyAgent
}

export class ProxySockets {
  private readonly agent: Dispatcher
  /** Without credentials. */
  private readonly shown: string

  constructor(private readonly options: Options) {
    const { connect, proxy } = options
    const { host, protocol } = new URL(proxy)
    this.shown = `${protocol}//${host}`
    this.agent = new options.ProxyAgent({
      uri: proxy,
      connect,
      requestTls: connect,
      proxyTls: connect.timeout === undefined ? {} : { timeout: connect.timeout },
      headersTimeout: 0,
      bodyTimeout: 0
    })
  }

  send(request: HttpCarrier.HttpRequest, sink: HttpCarrier.HttpSink): HttpCarrier.HttpFlight {
    const { body, headers, method, path } = request
    const flight = new ProxiedFlight(new Strip(this.options.decompresses, this.shown), sink)
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- its type lacks `readonly`
    const list = headers as Array<string>
    this.agent.dispatch({ origin: this.options.origin, method, path, headers: list, body: body ?? null }, flight)
    return flight
  }

  async close(): Promise<void> {
    await this.agent.destroy()
  }
}

/** Nobody but `undici` knows the socket: what is to be discarded, its controller aborts. */
class Strip implements Runway {
  controller: Dispatcher.DispatchController | undefined

  constructor(
    readonly decompresses: boolean,
    readonly proxy: string
  ) {}

  discard(): void {
    this.controller?.abort(new Error("the request is not wanted any more"))
  }
}

class ProxiedFlight extends Flight {
  constructor(
    private readonly strip: Strip,
    sink: HttpCarrier.HttpSink
  ) {
    super(strip, sink)
  }

  override onRequestStart(controller: Dispatcher.DispatchController): void {
    this.strip.controller = controller
    super.onRequestStart(controller)
  }

  override onResponseEnd(): void {
    super.onResponseEnd()
    // `undici` frees the socket in the turn of the host after this one.
    setImmediate(() => this.free())
  }
}
