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
  /** Where in the queue the first message is that waits. */
  #first = 0
  /** The length of the queue at which it is looked through for what was given up. */
  #crowded = fewest
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
    if (this.#queue.length >= this.#crowded) this.#clear()
    if (this.#scheduled || this.#stream.writableNeedDrain) return
    this.#scheduled = true
    // After the promise jobs of this turn, in which fibers run: theirs leave together.
    nextTick(this.#flush)
  }

  /** Writes nothing more. What waits here was not handed over, and never will be. */
  stop(): void {
    this.#stopped = true
    this.#queue = []
    this.#first = 0
    this.#stream.off("drain", this.#flush)
  }

  readonly #flush = (): void => {
    this.#scheduled = false
    while (this.#first < this.#queue.length && this.#stream.writable && !this.#stream.writableNeedDrain) {
      const leaving: Array<McpTransport.Outgoing> = []
      let text = ""
      while (this.#first < this.#queue.length && text.length < batch) {
        const outgoing = this.#queue[this.#first++]
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
    // Not at every write: that would move all the rest each time.
    if (2 * this.#first >= this.#queue.length) this.#clear()
  }

  /**
   * Lets go of what has left or was given up. Done as often as the queue has doubled: a server that reads nothing,
   * and whose callers give up one after another, must not make it grow.
   */
  #clear(): void {
    this.#queue = this.#queue.slice(this.#first).filter((outgoing) => outgoing.abandoned !== true)
    this.#first = 0
    this.#crowded = Math.max(fewest, 2 * this.#queue.length)
  }
}

const fewest = 64
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
