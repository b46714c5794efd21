/**
 * Reads the responses of one HTTP/1.1 connection from its bytes, however they are cut, by the rules of RFC 9112, and
 * takes nothing that breaks them: what a strict reader and a lax one understand in two ways is how answers end up with
 * the wrong request. What it tells and what it refuses does not depend on the cuts. Each byte is looked at once. It keeps
 * nothing of a body, and owns nothing.
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
  | "beforeExtension"
  | "extension"
  | "sizeEnd"
  | "chunk"
  | "chunkEnd"
  | "chunkEnd2"
  | "trailers"
  | "trailerEnd"
  | "stopped"

/** As much as Node and `undici` take. Bytes, the empty line at its end not counted. */
const maxHead = 16 * 1024
/** Of what may come before a head: empty lines, and informational responses, of which there may be any number. Bytes. */
const maxBefore = 64 * 1024
/** More digits are more than any message has bytes. */
const maxSizeDigits = 13

export class ResponseReader {
  private state: State = "idle"
  /** The parts of a head that is not whole, their bytes, and how many of these are the beginning of an empty line. */
  private readonly parts: Array<string> = []
  private partBytes = 0
  private matched = 0
  /** Bytes of the body or of the chunk that are still to come. */
  private left = 0
  /** Characters of the line that has begun: digits of a size, or of a trailer. */
  private inLine = 0
  /** Bytes of what nobody is told: before a head, after the size of a chunk, or of the trailers. */
  private extra = 0
  private known: ResponseHead.ResponseHead | undefined

  constructor(private readonly sink: ResponseSink) {}

  /** The head of the last response that was begun. */
  get last(): ResponseHead.ResponseHead | undefined {
    return this.known
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
  private headFrom(bytes: Buffer, begin: number, length: number): number | string {
    let from = begin
    // Some servers end a body with an empty line too many.
    while (this.partBytes === 0 && from < length && (bytes[from] === cr || bytes[from] === lf)) {
      if (++this.extra > maxBefore) return overlong
      from++
    }
    const end = Math.min(length, from + maxHead + blank - this.partBytes)
    let at = from
    let { matched } = this
    while (at < end && matched < blank) {
      const byte = bytes[at++]
      if (byte === lf) matched = (matched & 1) === 1 ? matched + 1 : 0
      else if (byte === cr) matched = matched === 2 ? 3 : 1
      else matched = 0
    }
    if (matched < blank) {
      if (!this.goesOn(bytes, from, at)) return ResponseHead.noResponse
      this.matched = matched
      this.partBytes += at - from
      this.parts.push(bytes.toString("latin1", from, at))
      return this.partBytes === maxHead + blank ? overlong : at
    }
    if (this.partBytes === 0) return this.headIs(bytes.toString("latin1", from, at - blank)) ?? at
    this.parts.push(bytes.toString("latin1", from, at))
    const text = this.parts.join("").slice(0, -blank)
    this.parts.length = this.partBytes = this.matched = 0
    return this.headIs(text) ?? at
  }

  /** Whether what has come of a head is the beginning of one. Servers of other protocols say something, and wait. */
  private goesOn(bytes: Buffer, from: number, to: number): boolean {
    for (let n = this.partBytes, at = from; n < protocol.length && at < to; n++, at++) {
      if (bytes[at] !== protocol.charCodeAt(n)) return false
    }
    return true
  }

  private headIs(text: string): string | undefined {
    // Servers repeat themselves: but for the second that it is, and the length, the next head is like the last.
    const known = this.known?.text === text ? this.known : ResponseHead.parse(text)
    if (typeof known === "string") return known
    if (known.status === 101) return "the server left HTTP, which it was not asked to"
    if (known.status < 200) {
      this.extra += text.length + blank
      return this.extra > maxBefore ? "the server sent informational responses without end" : undefined
    }
    this.known = known
    const { framing } = known
    this.left = known.length
    this.state = framing === "chunked" ? "size" : framing
    this.inLine = 0
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
          return ++this.inLine > maxSizeDigits ? "a chunk is longer than anything can be" : undefined
        }
        if (this.inLine === 0) return "a chunk has no size"
        this.extra = 0
        return this.afterSize(byte)
      }
      case "beforeExtension":
        return this.afterSize(byte)
      case "extension":
        if (byte === cr) this.state = "sizeEnd"
        else if (byte === lf) return unended
        else if ((byte < space && byte !== tab) || byte === del) return "what follows the size of a chunk is no text"
        return this.isTooMuch() ? tooMuchAfterSize : undefined
      case "sizeEnd":
        if (byte !== lf) return unended
        this.state = this.left === 0 ? "trailers" : "chunk"
        this.inLine = this.extra = 0
        return undefined
      case "chunkEnd":
        this.state = "chunkEnd2"
        return byte === cr ? undefined : "a chunk is longer than its size"
      case "chunkEnd2":
        this.state = "size"
        return byte === lf ? undefined : "a chunk is longer than its size"
      case "trailers":
        if (byte === cr) this.state = "trailerEnd"
        else if (byte === lf) return unended
        else this.inLine++
        return this.isTooMuch() ? "the trailers are too long" : undefined
      default:
        // `trailerEnd`: an empty line is the end of all.
        if (byte !== lf) return unended
        if (this.inLine === 0) this.whole()
        else {
          this.inLine = 0
          this.state = "trailers"
        }
        return undefined
    }
  }

  /** White space, an extension, or the end of the line. */
  private afterSize(byte: number): string | undefined {
    if (byte === cr) this.state = "sizeEnd"
    else if (byte === semicolon) this.state = "extension"
    else if (byte === space || byte === tab) this.state = "beforeExtension"
    else return "the size of a chunk is no number"
    return this.isTooMuch() ? tooMuchAfterSize : undefined
  }

  private whole(): void {
    this.state = "idle"
    this.extra = 0
    this.sink.end()
  }

  private isStopped(): boolean {
    return this.state === "stopped"
  }

  private isTooMuch(): boolean {
    return ++this.extra > maxHead
  }
}

const protocol = "HTTP/1."
/** How long `\r\n\r\n` is, which ends a head. */
const blank = 4
const cr = 13
const lf = 10
const tab = 9
const space = 32
const semicolon = 59
const del = 127
const unended = "a line does not end with CR and LF"
const overlong = `the head of the response is longer than ${maxHead} bytes`
const tooMuchAfterSize = "what follows the size of a chunk is too long"

const hexDigit = (byte: number): number => {
  if (byte >= 48 && byte <= 57) return byte - 48
  const small = byte | 32
  return small >= 97 && small <= 102 ? small - 87 : -1
}
