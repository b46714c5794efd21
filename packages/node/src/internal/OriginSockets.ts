/**
 * The sockets to one origin, kept alive between requests. Every request finds a free one or opens another: how many there
 * are, those who send decide. It is shared by connections; closing it ends every socket.
 *
 * A socket that has answered, or that was idle, is written to only after the host has looked at it once more (in the
 * check phase of its loop, a turn): a server that has closed it, or says what nobody asked for, is noticed before
 * anything is sent to it that may have run then, and before its words can be taken for an answer
 * (https://github.com/advisories/GHSA-35p6-xmwp-9g52). All sockets have their turn together, so that this costs no more
 * under load than the one look.
 *
 * An edge file: sockets, and turns of the loop, are the host's.
 */
import type { HttpCarrier } from "@mooring/mcp"
import { type Certificates, Dial } from "./Dial.js"
import { Flight, type Route } from "./Flight.js"
import { RequestHeads } from "./RequestHead.js"
import { type Boarding, type Harbour, WireSocket } from "./WireSocket.js"

export interface Options {
  readonly origin: string
  readonly decompresses: boolean
  readonly certificates: Certificates
  /** Milliseconds. */
  readonly connectTimeout: number
  /** Nanoseconds. */
  readonly lifetime: number
  readonly now: () => number
}

export class OriginSockets implements Harbour, Route {
  readonly decompresses: boolean
  readonly proxy = undefined
  readonly heads: RequestHeads
  readonly now: () => number
  private readonly dial: Dial
  private readonly all = new Set<WireSocket>()
  /** Those that nothing is on, the last used at the end. */
  private readonly free: Array<WireSocket> = []
  /** Those whose response is whole, until their turn; and of these, those that nothing is to be written to. */
  private settling: Array<WireSocket> = []
  private spare: Array<WireSocket> = []
  /** Those that were free, and are to be written to at their turn. */
  private boarding: Array<WireSocket> = []
  private turning = false
  private awaited = false
  private sweeper: ReturnType<typeof setTimeout> | undefined
  private isClosed: (() => void) | undefined

  constructor(private readonly options: Options) {
    this.decompresses = options.decompresses
    this.now = options.now
    this.heads = new RequestHeads(new URL(options.origin).host)
    this.dial = new Dial(options.origin, options.certificates, options.connectTimeout)
  }

  send(request: HttpCarrier.HttpRequest, sink: HttpCarrier.HttpSink): HttpCarrier.HttpFlight {
    const flight = new Flight(this, sink)
    this.board({ request, flight })
    return flight
  }

  connected(socket: WireSocket): void {
    this.depart(socket)
  }

  settles(socket: WireSocket): void {
    this.settling.push(socket)
    if (socket.isOpen) this.spare.push(socket)
    this.await()
  }

  lost(socket: WireSocket): void {
    const at = this.free.lastIndexOf(socket)
    if (at >= 0) this.free.splice(at, 1)
  }

  closed(socket: WireSocket, error: unknown): void {
    this.all.delete(socket)
    // One that has its turn before it finds another socket by itself.
    const { boarding } = socket
    socket.boarding = undefined
    boarding?.flight.failed(error)
    if (this.all.size === 0) this.isClosed?.()
  }

  async close(): Promise<void> {
    clearTimeout(this.sweeper)
    const closed = new Promise<void>((resolve) => (this.isClosed = resolve))
    if (this.all.size === 0) return
    for (const socket of this.all) socket.discard()
    await closed
  }

  private board(boarding: Boarding): void {
    if (this.isClosed !== undefined) return boarding.flight.failed(new Error("the connection was closed by this side"))
    const spare = this.turning ? undefined : this.spare.pop()
    const socket = spare ?? this.takeFree()
    if (socket === undefined) return this.open(boarding)
    socket.hold(true)
    socket.boarding = boarding
    boarding.flight.runway = socket
    if (this.turning) return this.depart(socket)
    if (spare === undefined) this.boarding.push(socket)
    this.await()
  }

  /** Writes what is to be written to it, if there is still something. */
  private depart(socket: WireSocket): void {
    const { boarding } = socket
    socket.boarding = undefined
    if (boarding !== undefined && !socket.isOpen) return this.board(boarding)
    if (socket.isOpen && (boarding === undefined || !socket.fly(boarding))) this.free.push(socket)
  }

  private open(boarding: Boarding): void {
    const socket = new WireSocket(this, this.dial)
    socket.boarding = boarding
    boarding.flight.runway = socket
    this.all.add(socket)
  }

  private takeFree(): WireSocket | undefined {
    const now = this.now()
    for (;;) {
      const socket = this.free.pop()
      if (socket === undefined || socket.lasts(now, this.options.lifetime)) return socket
      socket.discard()
    }
  }

  private await(): void {
    if (this.awaited) return
    this.awaited = true
    setImmediate(() => this.turn())
  }

  /** The host has looked at every socket since they were given to it. */
  private turn(): void {
    const { boarding, settling } = this
    this.boarding = []
    this.settling = []
    this.spare = []
    this.awaited = false
    this.turning = true
    const landed = settling.map((socket) => socket.landed())
    for (const socket of settling) this.depart(socket)
    for (const socket of boarding) this.depart(socket)
    // Each that is gone lets one go on that waited for it, which finds a socket that is free now.
    for (const flight of landed) flight?.free()
    this.turning = false
    this.rest()
  }

  /** The process does not wait for those that are free, and they are not kept for ever. */
  private rest(): void {
    for (let at = this.free.length - 1; at >= 0 && this.free[at]?.isHeld === true; at--) this.free[at]?.hold(false)
    if (this.free.length > 0 && this.isClosed === undefined) {
      this.sweeper ??= setTimeout(() => this.sweep(), sweepMillis).unref()
    }
  }

  private sweep(): void {
    this.sweeper = undefined
    const now = this.now()
    for (const socket of this.free.filter((one) => !one.lasts(now, this.options.lifetime))) socket.discard()
    this.rest()
  }
}

/** How often the free are looked at. */
const sweepMillis = 500
