/**
 * Readers of response bodies, byte by byte as they come: one JSON text, a stream of events, or the beginning of
 * whatever it is. Each keeps to a limit. They own nothing.
 *
 * @since 0.1.0
 */
import { createParser, type EventSourceMessage } from "eventsource-parser"

/**
 * @since 0.1.0
 * @category models
 */
export interface HttpBody {
  data(chunk: Uint8Array): void
  /** The body is whole. */
  end(): void
}

/**
 * Who reads one JSON text. One of the two is called, once.
 *
 * @since 0.1.0
 * @category models
 */
export interface TextReader {
  text(text: string): void
  /** It must not be read further. `what` says what the server did. */
  unfit(what: string): void
}

const tooLong = (bytes: number): string =>
  `sent a message of more than ${bytes} bytes, which Limits.messageBytes allows`

/**
 * @since 0.1.0
 * @category models
 */
export class TextBody implements HttpBody {
  private readonly utf8 = new Utf8()
  private readonly parts: Array<string> = []
  private length = 0
  /** Of the parts, those at the end that were not put together. */
  private loose = 0

  constructor(
    private readonly maxBytes: number,
    private readonly reader: TextReader
  ) {}

  data(chunk: Uint8Array): void {
    if (this.length > this.maxBytes) return
    this.length += chunk.length
    if (this.length > this.maxBytes) {
      this.parts.length = 0
      return this.reader.unfit(tooLong(this.maxBytes))
    }
    this.parts.push(this.utf8.decode(chunk))
    // Of chunks that a server cuts small, not all are kept: each takes many times its bytes.
    if (++this.loose < maxLoose) return
    this.parts.push(this.parts.splice(-maxLoose).join(""))
    this.loose = 0
  }

  end(): void {
    if (this.length > this.maxBytes) return
    const rest = this.utf8.end()
    if (rest !== "") this.parts.push(rest)
    const [text = ""] = this.parts
    // One that came in one piece, as nearly all do, is not copied.
    this.reader.text(this.parts.length > 1 ? this.parts.join("") : text)
  }
}

/**
 * Who reads a stream of events: https://html.spec.whatwg.org/multipage/server-sent-events.html
 *
 * @since 0.1.0
 * @category models
 */
export interface EventReader {
  event(event: EventSourceMessage): void
  /** The server says how many milliseconds to wait before a stream that was cut is asked for again. */
  retry(milliseconds: number): void
  /** It must not be read further, and nothing is called any more. `what` says what the server did. */
  unfit(what: string): void
  end(): void
}

/**
 * @since 0.1.0
 * @category models
 */
export class EventBody implements HttpBody {
  private readonly parser
  /** Bytes since the last event or comment. */
  private bytes = 0
  /** Lines since the last event that are none. */
  private nonsense = 0
  private afterReturn = false
  private over = false
  private readonly utf8 = new Utf8()

  constructor(
    private readonly maxBytes: number,
    private readonly reader: EventReader
  ) {
    this.parser = createParser({
      maxBufferSize: maxBytes,
      onEvent: (event) => {
        this.bytes = this.nonsense = 0
        if (!this.over) this.reader.event(event)
      },
      onRetry: (milliseconds) => {
        if (!this.over) this.reader.retry(milliseconds)
      },
      onComment: () => {
        this.bytes = 0
      },
      onError: (error) => {
        if (error.type === "max-buffer-size-exceeded") this.stop(tooLong(maxBytes))
        else if (++this.nonsense === maxNonsense) throw enough
      }
    })
  }

  data(chunk: Uint8Array): void {
    if (this.over) return
    this.bytes += chunk.length
    try {
      this.parser.feed(this.lines(this.utf8.decode(chunk)))
    } catch (error) {
      if (error !== enough) throw error
      this.stop("sent a stream of events that is none")
    }
    // The parser counts characters, of which there are fewer than bytes.
    if (this.bytes > this.maxBytes) this.stop(tooLong(this.maxBytes))
  }

  end(): void {
    if (!this.over) this.reader.end()
  }

  private stop(what: string): void {
    if (this.over) return
    this.over = true
    this.reader.unfit(what)
  }

  /** With `\n` at the end of each line: the parser takes all three, but it is slow to, and waits for what follows `\r`. */
  private lines(text: string): string {
    if (!this.afterReturn && !text.includes("\r")) return text
    const rest = this.afterReturn && text.startsWith("\n") ? text.slice(1) : text
    if (text !== "") this.afterReturn = text.endsWith("\r")
    return rest.replaceAll(/\r\n?/g, "\n")
  }
}

/**
 * Keeps the beginning of a body, of which there may be more than anybody wants.
 *
 * @since 0.1.0
 * @category models
 */
export class ExcerptBody implements HttpBody {
  private readonly chunks: Array<Uint8Array> = []
  private length = 0

  constructor(
    private readonly maxBytes: number,
    private readonly whole: () => void
  ) {}

  data(chunk: Uint8Array): void {
    this.chunks.push(new Uint8Array(chunk))
    this.length += chunk.length
    if (this.length >= this.maxBytes) this.whole()
  }

  end(): void {
    this.whole()
  }

  /** What has come. */
  text(): string {
    const utf8 = new Utf8()
    return this.chunks.map((chunk) => utf8.decode(chunk)).join("") + utf8.end()
  }
}

/** A message of full length in chunks as sockets give them, of 64 KiB, is never put together twice. */
const maxLoose = 256

/** Each makes the parser make an error, which costs a thousand times what it costs to send. */
const maxNonsense = 1000
const enough = new Error("enough of what is no line of an event")

/** UTF-8 as text, by chunks, without the mark that may stand at its beginning. */
class Utf8 {
  private decoder: TextDecoder | undefined
  private first = true

  decode(chunk: Uint8Array): string {
    // A chunk that ends with a whole character, as nearly all do, needs no decoder of its own.
    const last = chunk[chunk.length - 1] ?? 0
    return this.unmarked(
      this.decoder === undefined && last < 0x80
        ? decoder.decode(chunk)
        : (this.decoder ??= makeDecoder()).decode(chunk, { stream: true })
    )
  }

  /** What a character that was cut off is shown as. */
  end(): string {
    return this.decoder === undefined ? "" : this.unmarked(this.decoder.decode())
  }

  private unmarked(text: string): string {
    const begins = this.first && text.startsWith(byteOrderMark)
    if (text !== "") this.first = false
    return begins ? text.slice(1) : text
  }
}

const byteOrderMark = "\ufeff"

// The mark is kept, since it may stand at the beginning of any chunk; at the beginning of a body it is taken off.
const makeDecoder = () => new TextDecoder("utf-8", { ignoreBOM: true })
const decoder = makeDecoder()
