/**
 * One request on a socket, as `undici` tells of it, and as an `HttpSink` wants to hear of it. It is over once: its
 * response ended, it failed, or it was aborted. Whoever sends it says when its socket is free.
 */
import type { HttpCarrier } from "@mooring/mcp"
import type { Dispatcher } from "undici"
import { decoderOf, type Decoder } from "./Decoder.js"
import * as SocketFailure from "./SocketFailure.js"

/** What a flight needs of whoever sent it. */
export interface Runway {
  readonly decompresses: boolean
  /** The proxy's address, fit to be shown: who refuses a connection is the proxy then, and not the server. */
  readonly proxy: string | undefined
  /** The flight failed, or is not wanted: its socket must not be used again. */
  discard(): void
}

export class Flight implements Dispatcher.DispatchHandler, HttpCarrier.HttpFlight, HttpCarrier.HttpHead {
  status = 0
  /** `whole`: the response has ended, and the socket is about to be free. */
  private state: "flying" | "whole" | "over" = "flying"
  private started = false
  private freed = false
  private headers: Readonly<Record<string, string | Array<string> | undefined>> = {}
  private decoder: Decoder | undefined

  constructor(
    private readonly runway: Runway,
    private readonly sink: HttpCarrier.HttpSink
  ) {}

  header(name: string): string | undefined {
    if (this.decoder !== undefined && name === "content-encoding") return undefined
    const value = this.headers[name]
    return typeof value === "string" ? value : value?.join(", ")
  }

  abort(): void {
    if (this.state === "over") return
    if (this.state === "whole") {
      // Only what was being decompressed is left, and nothing more will be heard of that.
      this.decoder?.stop()
      this.decoder = undefined
      return this.land()
    }
    this.state = "over"
    this.decoder?.stop()
    this.runway.discard()
    this.sink.gone()
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    if (this.state !== "flying") return controller.abort(unwanted)
    if (this.sink.starting()) this.started = true
    else {
      this.abort()
      controller.abort(unwanted)
    }
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: Readonly<Record<string, string | Array<string> | undefined>>
  ): void {
    if (status < 200 || this.state !== "flying") return
    this.status = status
    this.headers = headers
    if (this.runway.decompresses) {
      this.decoder = decoderOf(this.header("content-encoding"), controller, {
        data: (chunk) => this.sink.data(chunk),
        end: () => {
          this.decoder = undefined
          this.sink.end()
          this.land()
        },
        failed: (error) => this.fail(SocketFailure.fromError(error, true, this.runway.proxy))
      })
    }
    this.sink.head(this)
  }

  onResponseData(_: Dispatcher.DispatchController, chunk: Uint8Array): void {
    if (this.state !== "flying") return
    if (this.decoder === undefined) this.sink.data(chunk)
    else this.decoder.write(chunk)
  }

  onResponseEnd(): void {
    if (this.state !== "flying") return
    this.state = "whole"
    if (this.decoder === undefined) this.sink.end()
    else this.decoder.end()
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    if (this.state !== "over") this.fail(SocketFailure.fromError(error, this.started, this.runway.proxy))
  }

  /** The socket can be used again. */
  free(): void {
    this.freed = true
    this.land()
  }

  private land(): void {
    if (this.state !== "whole" || !this.freed || this.decoder !== undefined) return
    this.state = "over"
    this.sink.gone()
  }

  private fail(failure: HttpCarrier.CarrierFailure): void {
    if (this.state === "over") return
    this.state = "over"
    this.decoder?.stop()
    this.runway.discard()
    this.sink.failed(failure)
    this.sink.gone()
  }
}

const unwanted = new Error("the request is not wanted any more")
