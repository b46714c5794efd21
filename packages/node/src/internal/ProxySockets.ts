/**
 * Reaches one origin through a proxy. Shared by connections; closing it ends every socket.
 *
 * An edge file: it drives `undici` at the level of `dispatch`, and learns from the host when a socket is free.
 */
import type { HttpCarrier } from "@mooring/mcp"
import type { buildConnector, Dispatcher, ProxyAgent } from "undici"
import { Flight, type Route, type Runway } from "./Flight.js"

export interface Options {
  readonly origin: string
  readonly decompresses: boolean
  readonly connect: buildConnector.BuildOptions
  /** The proxy's address. */
  readonly proxy: string
  readonly ProxyAgent: typeof ProxyAgent
}

export class ProxySockets implements Route {
  readonly decompresses: boolean
  readonly proxy: string
  private readonly agent: Dispatcher

  constructor(private readonly options: Options) {
    const { connect, decompresses, proxy } = options
    const { host, protocol } = new URL(proxy)
    this.decompresses = decompresses
    // Without credentials.
    this.proxy = `${protocol}//${host}`
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
    const flight = new Flight(this, sink)
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- its type lacks `readonly`
    const list = headers as Array<string>
    this.agent.dispatch(
      { origin: this.options.origin, method, path, headers: list, body: body ?? null },
      new Proxied(flight)
    )
    return flight
  }

  async close(): Promise<void> {
    await this.agent.destroy()
  }
}

/** A flight as `undici` tells of it. Nobody else knows the socket: what is to be discarded, its controller aborts. */
class Proxied implements Dispatcher.DispatchHandler, Runway {
  private controller: Dispatcher.DispatchController | undefined

  constructor(private readonly flight: Flight) {
    flight.runway = this
  }

  /** It is asked when its turn comes. */
  unboard(): void {}

  discard(): void {
    this.controller?.abort(unwanted)
  }

  pause(): void {
    this.controller?.pause()
  }

  resume(): void {
    this.controller?.resume()
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.controller = controller
    if (!this.flight.begin()) controller.abort(unwanted)
  }

  onResponseStart(
    _: Dispatcher.DispatchController,
    status: number,
    headers: Readonly<Record<string, string | Array<string> | undefined>>
  ): void {
    if (status < 200) return
    const header = (name: string) => {
      const value = headers[name]
      return typeof value === "string" ? value : value?.join(", ")
    }
    this.flight.head({ status, header })
  }

  onResponseData(_: Dispatcher.DispatchController, chunk: Uint8Array): void {
    this.flight.data(chunk)
  }

  onResponseEnd(): void {
    this.flight.end()
    // `undici` frees the socket in the turn of the host after this one.
    setImmediate(() => this.flight.free())
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    this.flight.failed(error)
  }
}

const unwanted = new Error("the request is not wanted any more")
