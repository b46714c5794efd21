/** A carrier in memory: it keeps every request, and a test says what is heard of it. */
import type { HttpCarrier } from "@mooring/mcp"

export class Flown implements HttpCarrier.HttpFlight {
  aborted = false
  private over = false

  constructor(
    readonly request: HttpCarrier.HttpRequest,
    private readonly sink: HttpCarrier.HttpSink
  ) {}

  abort(): void {
    if (this.over) return
    this.aborted = this.over = true
    this.sink.gone()
  }

  header(name: string): string | undefined {
    const at = this.request.headers.indexOf(name)
    return at < 0 ? undefined : this.request.headers[at + 1]
  }

  /** The request leaves; nothing comes back as yet. */
  leave(): this {
    return this.sink.starting() ? this : this.finish()
  }

  respond(
    status: number,
    headers: Readonly<Record<string, string>>,
    ...chunks: ReadonlyArray<string | Uint8Array>
  ): this {
    if (!this.sink.starting()) return this.finish()
    this.sink.head({ status, header: (name) => headers[name] })
    return this.say(...chunks)
  }

  say(...chunks: ReadonlyArray<string | Uint8Array>): this {
    for (const chunk of chunks) {
      if (!this.over) this.sink.data(typeof chunk === "string" ? new TextEncoder().encode(chunk) : chunk)
    }
    return this
  }

  end(): void {
    if (this.over) return
    this.over = true
    this.sink.end()
    this.sink.gone()
  }

  fail(failure: Partial<HttpCarrier.CarrierFailure>): void {
    if (this.over) return
    this.over = true
    this.sink.failed({ kind: "cutOff", sent: true, code: "FAKE", cause: undefined, ...failure })
    this.sink.gone()
  }

  private finish(): this {
    this.over = true
    this.sink.gone()
    return this
  }
}

export class FakeCarrier implements HttpCarrier.HttpCarrier {
  readonly acceptEncoding = "identity"
  readonly flown: Array<Flown> = []

  constructor(private readonly arrived: (flown: Flown) => void = () => {}) {}

  readonly send = (request: HttpCarrier.HttpRequest, sink: HttpCarrier.HttpSink): HttpCarrier.HttpFlight => {
    const flown = new Flown(request, sink)
    this.flown.push(flown)
    this.arrived(flown)
    return flown
  }
}
