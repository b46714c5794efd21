/**
 * Reads the responses of one HTTP/1.1 connection from its bytes, however they are cut, by the rules of RFC 9112, and
 * takes nothing that breaks them: what a strict reader and a lax one understand in two ways is how answers end up with
 * the wrong request. It keeps nothing of a body, and owns nothing.
 */
import * as ResponseHead from "./ResponseHead.js"

/** Who takes what was read. Any of these may call `stop`. */
export interface ResponseSink {
  /** The response has begun. Informational responses are passed over. */
  head(head: ResponseHead.ResponseHead): void
  /** Bytes of the body. They are the reader's again when this returns. */
  body(chunk: Uint8Array): void
  /** The response is whole. */
  end(): void
}

/** `idle`: no response is due, so that every byte is one too many. */
type State =
  | "idle"
  | "head"
  | "fixed"
  | "untilEnd"
  | "size"
  | "extension"
  | "sizeEnd"
  | "chunk"
  | "chunkEnd"
  | "chunkEnd2"
  | "trailers"
  | "trailerEnd"
  | "stopped"

/** As much as Node and `undici` take. Bytes. */
const maxHead = 16 * 1024
/** More digits are more than any message has bytes. */
const maxSizeDigits = 13

export class ResponseReader {
  private state: State = "idle"
  /** What has come of a head that is not whole. */
  private begun = ""
  /** Bytes that are left of a body or chunk; of a line, those that have come. */
  private left = 0
  private digits = 0
  /** Bytes of the trailers, or of what follows the size of a chunk. */
  private extra = 0
  private known: ResponseHead.ResponseHead | undefined
  private current: ResponseHead.ResponseHead | undefined

  constructor(private readonly sink: ResponseSink) {}

  /** The head of the last response that was begun. */
  get last(): ResponseHead.ResponseHead | undefined {
    return this.current
  }

  /** A request is about to leave: a response is due. */
  expect(): void {
    this.state = "head"
  }

  /** Nothing is told any more, and nothing is read. */
  stop(): void {
    this.state = "stopped"
  }

  /** Reads the first `length` bytes. Gives what breaks the rules, if something does; there is no going on after that. */
  read(bytes: Buffer, length: number): string | undefined {
    let at = 0
    while (at < length) {
      switch (this.state) {
        case "stopped":
          return undefined
        case "idle":
          return "the server sent what nobody had asked for"
        case "head": {
          const next = this.headFrom(bytes, at, length)
          if (typeof next === "string") return next
          at = next
          break
        }
        case "fixed":
        case "chunk": {
          const to = Math.min(length, at + this.left)
          this.left -= to - at
          this.sink.body(bytes.subarray(at, to))
          at = to
          if (this.left > 0 || this.isStopped()) break
          if (this.state === "chunk") this.state = "chunkEnd"
          else this.whole()
          break
        }
        case "untilEnd":
          this.sink.body(bytes.subarray(at, length))
          at = length
          break
        default: {
          const wrong = this.framing(bytes[at++] ?? 0)
          if (wrong !== undefined) return wrong
        }
      }
    }
    return undefined
  }

  /** The connection has ended. Gives whether a response is cut by that. */
  finish(): boolean {
    if (this.state !== "untilEnd") return this.state !== "idle" && this.state !== "stopped"
    this.whole()
    return false
  }

  /** Reads a head, or a part of one. Gives the place after it, or what breaks the rules. */
  private headFrom(bytes: Buffer, from: number, length: number): number | string {
    let at = from
    if (this.begun === "") {
      // Some servers end a body with an empty line too many.
      while (at < length && (bytes[at] === cr || bytes[at] === lf)) at++
      if (at === length) return this.tooLong((this.extra += at - from)) ? overlong : at
      const end = bytes.indexOf(blank, at, "latin1")
      // What follows in the buffer is of earlier reads.
      if (end >= 0 && end + 4 <= length) {
        if (this.tooLong(end - at)) return overlong
        return this.headIs(bytes.toString("latin1", at, end)) ?? end + 4
      }
    }
    const before = this.begun.length
    this.begun += bytes.toString("latin1", at, Math.min(length, at + maxHead + 4))
    const end = this.begun.indexOf(blank, Math.max(0, before - 3))
    if (this.tooLong(end < 0 ? this.begun.length : end)) return overlong
    if (end < 0) return length
    const text = this.begun.slice(0, end)
    this.begun = ""
    return this.headIs(text) ?? at + end + 4 - before
  }

  private headIs(text: string): string | undefined {
    this.extra = 0
    // Servers repeat themselves: but for the second that it is, and the length, the next head is like the last.
    const known = this.known?.text === text ? this.known : ResponseHead.parse(text)
    if (typeof known === "string") return known
    if (known.status < 200) return known.status === 101 ? "the server left HTTP, which it was not asked to" : undefined
    this.known = known
    this.current = known
    const { framing } = known
    this.left = known.length
    this.state = framing === "chunked" ? "size" : framing === "untilEnd" ? "untilEnd" : "fixed"
    this.digits = 0
    this.sink.head(known)
    if (this.left === 0 && this.state === "fixed") this.whole()
    return undefined
  }

  /** One byte of what is around chunks. */
  private framing(byte: number): string | undefined {
    switch (this.state) {
      case "size": {
        const digit = hexDigit(byte)
        if (digit >= 0) {
          this.left = this.left * 16 + digit
          return ++this.digits > maxSizeDigits ? "a chunk is longer than anything can be" : undefined
        }
        if (this.digits === 0) return "a chunk has no size"
        if (byte === cr) this.state = "sizeEnd"
        else if (byte === semicolon || byte === space || byte === tab) {
          this.state = "extension"
          this.extra = 0
        } else return "the size of a chunk is no number"
        return undefined
      }
      case "extension":
        if (byte === cr) this.state = "sizeEnd"
        else if (byte === lf) return "a line does not end with CR and LF"
        return this.tooLong(++this.extra) ? "what follows the size of a chunk is too long" : undefined
      case "sizeEnd":
        if (byte !== lf) return "a line does not end with CR and LF"
        this.state = this.left === 0 ? "trailers" : "chunk"
        this.digits = this.extra = 0
        return undefined
      case "chunkEnd":
        this.state = "chunkEnd2"
        return byte === cr ? undefined : "a chunk is longer than its size"
      case "chunkEnd2":
        this.state = "size"
        return byte === lf ? undefined : "a chunk is longer than its size"
      case "trailers":
        if (byte === cr) this.state = "trailerEnd"
        else if (byte === lf) return "a line does not end with CR and LF"
        else this.digits++
        return this.tooLong(++this.extra) ? "the trailers are too long" : undefined
      default:
        // `trailerEnd`: an empty line is the end of all.
        if (byte !== lf) return "a line does not end with CR and LF"
        if (this.digits === 0) this.whole()
        else {
          this.digits = 0
          this.state = "trailers"
        }
        return undefined
    }
  }

  private whole(): void {
    this.state = "idle"
    this.extra = 0
    this.sink.end()
  }

  private isStopped(): boolean {
    return this.state === "stopped"
  }

  private tooLong(bytes: number): boolean {
    return bytes > maxHead
  }
}

const blank = "\r\n\r\n"
const cr = 13
const lf = 10
const tab = 9
const space = 32
const semicolon = 59
const overlong = `the head of the response is longer than ${maxHead} bytes`

const hexDigit = (byte: number): number => {
  if (byte >= 48 && byte <= 57) return byte - 48
  const small = byte | 32
  return small >= 97 && small <= 102 ? small - 87 : -1
}
