/**
 * The sockets to one origin, kept alive between requests. Every request finds a free one or opens another: how many there
 * are, those who send decide. It is shared by connections; closing it ends every socket.
 *
 * A socket that has answered, or that was idle, is written to only after the host has looked at it once more: a server
 * that has closed it, or says what nobody asked for, is noticed before anything is sent to it that may have run then,
 * and before its words can be taken for an answer (https://github.com/advisories/GHSA-35p6-xmwp-9g52). The host looks at
 * sockets, then runs its immediates, and so in turn; what an answer gives rise to is done between the look that brought
 * the answer and the immediates after it, so that it is at those after the next look that a socket is fit. All sockets
 * have their turn together: this costs no more under load than the one look.
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
  readonly lifetime: number
  private readonly dial: Dial
  private readonly all = new Set<WireSocket>()
  /** Those that nothing is on, the last used at the end. */
  private readonly free: Array<WireSocket> = []
  /** Those that the host has not looked at since they came, and those that it will have looked at in the next turn. */
  private came = new Tide()
  private seen = new Tide()
  private turning = false
  private awaited = false
  private sweeper: ReturnType<typeof setTimeout> | undefined
  private isClosed: (() => void) | undefined

  constructor(options: Options) {
    this.decompresses = options.decompresses
    this.now = options.now
    this.lifetime = options.lifetime
    this.heads = new RequestHeads(new URL(options.origin).host)
    this.dial = new Dial(options.origin, options.certificates, options.connectTimeout)
  }

  send(request: HttpCarrier.HttpRequest, sink: HttpCarrier.HttpSink): HttpCarrier.HttpFlight {
    const flight = new Flight(this, sink)
    this.board({ request, flight })
    return flight
  }

  connected(socket: WireSocket): void {
    this.release(socket)
    this.rest()
  }

  settles(socket: WireSocket): void {
    this.came.settling.push(socket)
    if (socket.isOpen) this.came.spare.push(socket)
    this.await()
  }

  lost(socket: WireSocket): void {
    const at = this.free.lastIndexOf(socket)
    if (at >= 0) this.free.splice(at, 1)
  }

  closed(socket: WireSocket, error: unknown): void {
    this.all.delete(socket)
    const { boarding } = socket
    socket.boarding = undefined
    if (boarding !== undefined) {
      if (socket.wasOpen) this.board(boarding)
      else boarding.flight.failed(error)
    }
    if (this.all.size === 0) this.isClosed?.()
  }

  async close(): Promise<void> {
    clearTimeout(this.sweeper)
    const closed = new Promise<void>((resolve) => (this.isClosed = resolve))
    if (this.all.size === 0) return
    for (const socket of this.all) socket.discard(closedHere())
    await closed
  }

  private board(boarding: Boarding): void {
    if (this.isClosed !== undefined) return boarding.flight.failed(closedHere())
    const fit = this.turning ? this.takeFree() : undefined
    const spare = fit ?? this.seen.spare.pop() ?? this.came.spare.pop()
    const socket = spare ?? this.takeFree()
    if (socket === undefined) return this.open(boarding)
    socket.hold(true)
    socket.boarding = boarding
    boarding.flight.runway = socket
    if (fit !== undefined) return this.release(fit)
    if (spare === undefined) this.came.boarding.push(socket)
    this.await()
  }

  /** Writes what is to be written to it, if there is still something; else it is free. */
  private release(socket: WireSocket): void {
    const { boarding } = socket
    socket.boarding = undefined
    if (boarding !== undefined && !socket.isOpen) return this.board(boarding)
    if (socket.isOpen && (boarding === undefined || !socket.fly(boarding))) this.free.push(socket)
  }

  private open(boarding: Boarding): void {
    let socket
    try {
      socket = new WireSocket(this, this.dial)
    } catch (error) {
      return boarding.flight.failed(error)
    }
    socket.boarding = boarding
    boarding.flight.runway = socket
    this.all.add(socket)
  }

  private takeFree(): WireSocket | undefined {
    if (this.free.length === 0) return undefined
    const now = this.now()
    for (;;) {
      const socket = this.free.pop()
      if (socket === undefined || socket.lasts(now)) return socket
      socket.discard()
    }
  }

  private await(): void {
    if (this.awaited) return
    this.awaited = true
    setImmediate(this.turn)
  }

  /** The host has looked at every socket that had come before the last turn. */
  private readonly turn = (): void => {
    const { came, seen } = this
    this.awaited = false
    if (seen.settling.length + seen.boarding.length > 0) this.depart(seen)
    this.seen = came
    this.came = seen
    if (came.settling.length + came.boarding.length > 0) this.await()
  }

  private depart({ boarding, settling, spare }: Tide): void {
    this.turning = true
    // What is given back now goes by none of these, but by those that are free.
    spare.length = 0
    const landed = settling.map((socket) => socket.landed())
    for (const socket of settling) this.release(socket)
    for (const socket of boarding) this.release(socket)
    // Each that is gone lets one go on that waited for it, which finds a socket that is free now.
    for (const flight of landed) flight?.free()
    this.turning = false
    settling.length = boarding.length = 0
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
    for (const socket of this.free.filter((one) => !one.lasts(now))) socket.discard()
    this.rest()
  }
}

/** Sockets that the host is to look at. */
class Tide {
  /** Those whose response is whole, and of these, those that nothing is to be written to. */
  readonly settling: Array<WireSocket> = []
  readonly spare: Array<WireSocket> = []
  /** Those that were free, and are to be written to. */
  readonly boarding: Array<WireSocket> = []
}

const closedHere = () => new Error("the connection was closed by this side")

/** How often the free are looked at. */
const sweepMillis = 500
