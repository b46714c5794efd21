/**
 * One request on a socket, and what an `HttpSink` hears of it. It is over once: its response ended, it failed, or it was
 * aborted. Whoever carries it says what happens, and when its socket is free.
 */
import type { HttpCarrier } from "@mooring/mcp"
import { decoderOf, type Decoder, type Source } from "./Decoder.js"
import * as SocketFailure from "./SocketFailure.js"

/** What holds for all that goes one way. */
export interface Route {
  readonly decompresses: boolean
  /** The proxy's address, fit to be shown: who refuses a connection is the proxy then, and not the server. */
  readonly proxy: string | undefined
}

/** What carries a flight. */
export interface Runway extends Source {
  /** The flight is not wanted any more, before it has begun. */
  unboard(): void
  /** The flight failed, or is not wanted: its socket must not be used again. */
  discard(): void
}

export class Flight implements HttpCarrier.HttpFlight, Source {
  runway: Runway | undefined
  /** `whole`: the response has ended, and the socket is about to be free. */
  private state: "waiting" | "flying" | "whole" | "over" = "waiting"
  private freed = false
  private decoder: Decoder | undefined

  constructor(
    private readonly route: Route,
    private readonly sink: HttpCarrier.HttpSink
  ) {}

  abort(): void {
    const { state } = this
    if (state === "over") return
    this.decoder?.stop()
    this.decoder = undefined
    // Of one that is whole, only what was being decompressed is left, and nothing more will be heard of that.
    if (state === "whole") return this.land()
    this.state = "over"
    if (state === "waiting") this.runway?.unboard()
    else this.runway?.discard()
    this.sink.gone()
  }

  /** The first byte is about to leave. Whether it may; if not, the flight is over. */
  begin(): boolean {
    if (!this.isWaiting()) return false
    const isWanted = this.sink.starting()
    // Who is asked may have aborted it.
    if (!this.isWaiting()) return false
    this.state = isWanted ? "flying" : "over"
    if (!isWanted) this.sink.gone()
    return isWanted
  }

  head(head: HttpCarrier.HttpHead): void {
    if (this.state !== "flying") return
    if (!this.route.decompresses) return this.sink.head(head)
    this.decoder = decoderOf(head.header("content-encoding"), this, {
      data: (chunk) => this.sink.data(chunk),
      end: () => {
        this.decoder = undefined
        this.sink.end()
        this.land()
      },
      failed: (error) => this.failed(error)
    })
    this.sink.head(this.decoder === undefined ? head : decoded(head))
  }

  data(chunk: Uint8Array): void {
    if (this.state !== "flying") return
    if (this.decoder === undefined) this.sink.data(chunk)
    else this.decoder.write(chunk)
  }

  end(): void {
    if (this.state !== "flying") return
    this.state = "whole"
    if (this.decoder === undefined) this.sink.end()
    else this.decoder.end()
  }

  /** Does nothing once the response is whole, but for what cannot be decompressed. */
  failed(error: unknown): void {
    const { state } = this
    if (state === "over" || (state === "whole" && this.decoder === undefined)) return
    this.state = "over"
    this.decoder?.stop()
    this.decoder = undefined
    // The socket of one that is whole may be another's by now.
    if (state === "flying") this.runway?.discard()
    this.sink.failed(SocketFailure.fromError(error, state !== "waiting", this.route.proxy))
    this.sink.gone()
  }

  /** The socket can be used again. */
  free(): void {
    this.freed = true
    this.land()
  }

  pause(): void {
    if (this.state === "flying") this.runway?.pause()
  }

  /** Once the response is whole, the socket may be another's, who has it wait. */
  resume(): void {
    if (this.state === "flying") this.runway?.resume()
  }

  private isWaiting(): boolean {
    return this.state === "waiting"
  }

  private land(): void {
    if (this.state !== "whole" || !this.freed || this.decoder !== undefined) return
    this.state = "over"
    this.sink.gone()
  }
}

/** What is decompressed is told as what it is then. */
const decoded = (head: HttpCarrier.HttpHead): HttpCarrier.HttpHead => ({
  status: head.status,
  header: (name) => (name === "content-encoding" ? undefined : head.header(name))
})
