/**
 * The sockets to one origin, kept alive between requests, each with a client of `undici` of its own, so that it is known
 * when one is free. Every request finds a free one or opens another: how many there are, those who send decide. It is
 * shared by connections; closing it ends every socket.
 *
 * An edge file: it drives `undici` at the level of `dispatch`, without streams and promises.
 */
import type { HttpCarrier } from "@mooring/mcp"
import type { buildConnector, Client, Dispatcher } from "undici"
import { Flight, type Runway } from "./Flight.js"

export interface Options {
  readonly origin: string
  readonly decompresses: boolean
  /** Nanoseconds. */
  readonly lifetime: number
  readonly now: () => number
  readonly Client: typeof Client
  readonly connector: buildConnector.connector
}

export class OriginSockets {
  private readonly free: Array<Socket> = []
  private readonly all = new Set<Socket>()
  private closed = false

  constructor(readonly options: Options) {}

  send(request: HttpCarrier.HttpRequest, sink: HttpCarrier.HttpSink): HttpCarrier.HttpFlight {
    const socket = this.free.pop() ?? this.open()
    return socket.send(request, sink)
  }

  /** Takes the socket out; it ends by itself. */
  remove(socket: Socket): void {
    if (!this.all.delete(socket)) return
    const at = this.free.lastIndexOf(socket)
    if (at >= 0) this.free.splice(at, 1)
  }

  release(socket: Socket): void {
    if (!this.all.has(socket)) return
    if (this.closed || !socket.lasts()) socket.discard()
    else this.free.push(socket)
  }

  async close(): Promise<void> {
    this.closed = true
    await Promise.all([...this.all].map((socket) => socket.end()))
  }

  private open(): Socket {
    const socket = new Socket(this)
    this.all.add(socket)
    return socket
  }
}

class Socket implements Runway {
  readonly proxy = undefined
  readonly decompresses: boolean
  private readonly client: Client
  private flight: Flight | undefined
  private connectedAt: number | undefined

  constructor(private readonly sockets: OriginSockets) {
    const { Client, connector, decompresses, now, origin } = sockets.options
    this.decompresses = decompresses
    // Times are for the transport to limit: what it does not want any more, it aborts.
    this.client = new Client(origin, { connect: connector, pipelining: 1, headersTimeout: 0, bodyTimeout: 0 })
    this.client.on("connect", () => {
      this.connectedAt = now()
    })
    this.client.on("disconnect", () => {
      this.connectedAt = undefined
      if (this.flight === undefined) this.discard()
    })
    this.client.on("drain", () => {
      const { flight } = this
      this.flight = undefined
      this.sockets.release(this)
      flight?.free()
    })
  }

  send(request: HttpCarrier.HttpRequest, sink: HttpCarrier.HttpSink): HttpCarrier.HttpFlight {
    const flight = new Flight(this, sink)
    this.flight = flight
    this.client.dispatch(dispatchable(request), flight)
    return flight
  }

  /** Whether it may serve another request. */
  lasts(): boolean {
    const { lifetime, now } = this.sockets.options
    return this.connectedAt !== undefined && now() - this.connectedAt < lifetime
  }

  discard(): void {
    void this.end()
  }

  async end(): Promise<void> {
    this.sockets.remove(this)
    await this.client.destroy()
  }
}

/** A request as `undici` takes it. It reads the headers, and changes nothing. */
const dispatchable = ({ body, headers, method, path }: HttpCarrier.HttpRequest): Dispatcher.DispatchOptions => ({
  method,
  path,
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- its type lacks `readonly`
  headers: headers as Array<string>,
  body: body ?? null
})
