/**
 * One socket that speaks HTTP/1.1: it writes a request, reads its response, and is free again in the next turn of its
 * `OriginSockets`, which own it.
 *
 * An edge file: sockets are the host's.
 */
import type { HttpCarrier } from "@mooring/mcp"
import type { Socket } from "node:net"
import type { Dial } from "./Dial.js"
import type { Flight, Runway } from "./Flight.js"
import { type RequestHeads, Unfit } from "./RequestHead.js"
import type { ResponseHead } from "./ResponseHead.js"
import { ResponseReader, type ResponseSink } from "./ResponseReader.js"

/** What a socket needs of its owner. */
export interface Harbour {
  readonly heads: RequestHeads
  readonly now: () => number
  /** How old a socket may be when it is used again. Nanoseconds. */
  readonly lifetime: number
  /** It is connected. What waited for that can be written now. */
  connected(socket: WireSocket): void
  /** The response of its flight is whole: it can be used again once the host has looked at it, if it is alive then. */
  settles(socket: WireSocket): void
  /** It is of no more use. */
  lost(socket: WireSocket): void
  /** The system has closed it, for this reason. */
  closed(socket: WireSocket, error: unknown): void
}

/** A request that has a socket, but is not written yet. */
export interface Boarding {
  readonly request: HttpCarrier.HttpRequest
  readonly flight: Flight
}

/**
 * What sockets are read into. One for all: what was read is dealt with before anything else is, and nobody keeps a view
 * of it. No read can begin within another: what a read leads to pauses, resumes, opens or destroys sockets, by none of
 * which the host reads at once, and writes to none, which is for turns and for what has just connected. So the
 * host need not make room for each read. Bytes as the system gives them at most at once.
 */
const buffer = Buffer.allocUnsafeSlow(64 * 1024)

export class WireSocket implements Runway, ResponseSink {
  /** What is to be written when it can be: when it is connected, or at its turn. */
  boarding: Boarding | undefined
  private flight: Flight | undefined
  private readonly reader = new ResponseReader(this)
  private readonly socket: Socket
  private state: "connecting" | "open" | "over" = "connecting"
  private everOpen = false
  /** Nanoseconds of the clock. */
  private connectedAt = 0
  private idleUntil = 0
  private error: unknown
  private held = true
  private paused = false

  constructor(
    private readonly harbour: Harbour,
    dial: Dial
  ) {
    this.socket = dial.open({ buffer, callback: (length) => this.read(length) }, () => this.connected())
    this.socket.on("error", (error) => (this.error ??= error))
    this.socket.on("end", () => this.ended())
    this.socket.on("close", () => this.closed())
  }

  /** Whether it was ever connected: what waits for it can go by another then. */
  get wasOpen(): boolean {
    return this.everOpen
  }

  get isOpen(): boolean {
    return this.state === "open"
  }

  get isHeld(): boolean {
    return this.held
  }

  /** Whether it may serve another request. */
  lasts(now: number): boolean {
    return this.isOpen && now < this.idleUntil && now - this.connectedAt < this.harbour.lifetime
  }

  /** Writes a request; nothing is on it. Whether it is written; if not, its flight is over. */
  fly({ flight, request }: Boarding): boolean {
    let head
    try {
      head = this.harbour.heads.of(request)
    } catch (error) {
      if (!(error instanceof Unfit)) throw error
      flight.failed(error)
      return false
    }
    flight.runway = this
    if (!flight.begin()) return false
    this.flight = flight
    this.reader.expect()
    const { body } = request
    if (body === undefined) return this.write(head)
    const bytes = Buffer.byteLength(body)
    // As nearly all are: each character is a byte. One write of one string is what costs the host least.
    if (bytes === body.length && bytes <= joined) return this.write(`${head}${bytes}\r\n\r\n${body}`)
    this.socket.cork()
    this.write(`${head}${bytes}\r\n\r\n`)
    this.socket.write(body, "utf8")
    this.socket.uncork()
    return true
  }

  /** Takes the flight off, whose response is whole. */
  landed(): Flight | undefined {
    const { flight } = this
    this.flight = undefined
    return flight
  }

  /** Whether the process waits for it. */
  hold(wanted: boolean): void {
    if (this.held === wanted) return
    this.held = wanted
    if (wanted) this.socket.ref()
    else this.socket.unref()
  }

  pause(): void {
    this.paused = true
    this.socket.pause()
  }

  resume(): void {
    if (!this.paused) return
    this.paused = false
    this.socket.resume()
  }

  unboard(): void {
    this.boarding = undefined
    if (this.state === "connecting") this.discard()
  }

  discard(reason?: Error): void {
    if (this.state === "over") return
    this.state = "over"
    this.error ??= reason
    this.reader.stop()
    this.socket.destroy()
    this.harbour.lost(this)
  }

  head(head: ResponseHead): void {
    this.flight?.head(head)
  }

  body(chunk: Uint8Array): void {
    this.flight?.data(chunk)
  }

  end(): void {
    const { keepsAlive = false, keepsAliveFor } = this.reader.last ?? {}
    const now = this.harbour.now()
    this.resume()
    this.idleUntil = now + idleNanos(keepsAliveFor)
    // What is not written yet would be taken for the beginning of the next request.
    if (!keepsAlive || !this.lasts(now) || this.socket.writableLength > 0) this.discard()
    this.harbour.settles(this)
    // Who is told may send the next request at once.
    this.flight?.end()
  }

  private connected(): void {
    if (this.state !== "connecting") return
    this.state = "open"
    this.everOpen = true
    this.connectedAt = this.harbour.now()
    this.idleUntil = this.connectedAt + idleNanos(undefined)
    this.harbour.connected(this)
  }

  /** One character is one byte. */
  private write(text: string): true {
    this.socket.write(text, "latin1")
    return true
  }

  private read(length: number): boolean {
    const wrong = this.reader.read(buffer, length)
    if (wrong !== undefined) this.broken(new Error(wrong))
    return true
  }

  private ended(): void {
    // TLS says what is wrong before it ends.
    if (this.error !== undefined) this.broken(this.error)
    // Where no response is under way, or the end is a part of it, that is as it should be.
    else if (this.reader.finish()) this.broken(closedByServer())
    else this.discard()
  }

  private closed(): void {
    const error = this.error ?? closedByServer()
    this.broken(error)
    this.harbour.closed(this, error)
  }

  /** Nothing more comes of it. */
  private broken(error: unknown): void {
    this.error ??= error
    this.discard()
    this.flight?.failed(error)
  }
}

const closedByServer = () => new Error("the other side closed the connection")

/** Longer ones are not copied together with the head. Bytes. */
const joined = 64 * 1024

/** For how long a socket is kept when the server does not say for how long it does. Seconds. As `undici` does. */
const idle = 4

/** Servers close what is idle at about the time that they say: a request must not be under way then. Seconds. */
const early = (seconds: number): number => Math.min(1, seconds / 2)

const idleNanos = (seconds: number | undefined): number =>
  (seconds === undefined ? idle : Math.min(seconds, 600) - early(seconds)) * 1e9
