/**
 * Writes messages to a pipe, a line each. The messages of one turn of the event loop leave in one write, and while the
 * pipe takes no more they wait here, where they are certainly not sent. Owns one `drain` listener of the stream.
 *
 * @since 0.1.0
 */
import type { McpTransport } from "@mooring/mcp"
import { nextTick } from "node:process"
import type { Writable } from "node:stream"

/**
 * @since 0.1.0
 * @category models
 */
export class MessageWriter {
  readonly #stream: Writable
  #queue: Array<McpTransport.Outgoing> = []
  #scheduled = false
  #stopped = false

  constructor(stream: Writable) {
    this.#stream = stream
    stream.on("drain", this.#flush)
  }

  /** Takes a message; it is written at the end of this turn, or when the pipe has room. Dropped once stopped. */
  send(outgoing: McpTransport.Outgoing): void {
    if (this.#stopped) return
    this.#queue.push(outgoing)
    if (this.#scheduled || this.#stream.writableNeedDrain) return
    this.#scheduled = true
    // After the promise jobs of this turn, in which fibers run: theirs leave together.
    nextTick(this.#flush)
  }

  /** Writes nothing more. What waits here was not handed over, and never will be. */
  stop(): void {
    this.#stopped = true
    this.#queue = []
    this.#stream.off("drain", this.#flush)
  }

  readonly #flush = (): void => {
    this.#scheduled = false
    let next = 0
    while (next < this.#queue.length && this.#stream.writable && !this.#stream.writableNeedDrain) {
      const leaving: Array<McpTransport.Outgoing> = []
      let text = ""
      for (; next < this.#queue.length && text.length < batch; next++) {
        const outgoing = this.#queue[next]
        // What was given up before it left may be on its way elsewhere by now: it must not leave here, too.
        const line = outgoing === undefined || outgoing.abandoned === true ? undefined : lineOf(outgoing)
        if (outgoing === undefined || line === undefined) continue
        leaving.push(outgoing)
        text += line
      }
      if (text === "") continue
      for (const outgoing of leaving) outgoing.handedOver = true
      this.#stream.write(text)
    }
    if (next > 0) this.#queue.splice(0, next)
  }
}

// A write stops growing at this many characters. A message is never split over two.
const batch = 64 * 1024

const lineOf = (outgoing: McpTransport.Outgoing): string | undefined => {
  try {
    return `${JSON.stringify(outgoing.message)}\n`
  } catch (cause) {
    outgoing.failed({ reason: "the message cannot be written as JSON", delivery: "NotSent", fatal: false, cause })
    return undefined
  }
}
