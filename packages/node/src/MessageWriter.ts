/**
 * Writes messages to a pipe, a line each. The messages of one turn of the event loop leave in one write, and while the
 * pipe takes no more they wait here, where they are certainly not sent; not without bound. Owns one `drain` listener of
 * the stream.
 *
 * @since 0.1.0
 */
import { JsonRpc, type Limits, type McpTransport } from "@mooring/mcp"
import { nextTick } from "node:process"
import type { Writable } from "node:stream"

/**
 * @since 0.1.0
 * @category models
 */
export class MessageWriter {
  readonly #stream: Writable
  readonly #limits: Pick<Limits.Values, "messageBytes" | "inFlightBytes">
  #queue: Array<McpTransport.Outgoing> = []
  /** The text of each message in the queue. */
  #texts: Array<string> = []
  /** Where in the queue the first message is that waits. */
  #first = 0
  /** How long the texts are together that wait. */
  #waiting = 0
  /** The length of the queue, and of its texts, at which it is looked through for what was given up. */
  #crowded = fewest
  #heavy = lightest
  #scheduled = false
  #stopped = false

  constructor(stream: Writable, limits: Pick<Limits.Values, "messageBytes" | "inFlightBytes">) {
    this.#stream = stream
    this.#limits = limits
    stream.on("drain", this.#flush)
  }

  /**
   * Takes a message; it is written at the end of this turn, or when the pipe has room. Dropped once stopped. Fails at
   * once for what is not JSON or too long, and fatally when more waits than may be in flight: the other side does not
   * read.
   */
  send(outgoing: McpTransport.Outgoing): void {
    if (this.#stopped) return
    const text = JsonRpc.write(outgoing.message, this.#limits.messageBytes)
    if (typeof text !== "string") return outgoing.failed(text)
    outgoing.characters = text.length
    if (this.#waiting + text.length > this.#heavy) this.#clear()
    if (this.#waiting + text.length > this.#limits.inFlightBytes) {
      const reason = `does not read its stdin: more than ${this.#limits.inFlightBytes} bytes wait for it`
      return outgoing.failed({ reason, delivery: "NotSent", fatal: true })
    }
    this.#queue.push(outgoing)
    this.#texts.push(text)
    this.#waiting += text.length
    if (this.#queue.length >= this.#crowded) this.#clear()
    if (this.#scheduled || this.#stream.writableNeedDrain) return
    this.#scheduled = true
    // After the promise jobs of this turn, in which fibers run: theirs leave together.
    nextTick(this.#flush)
  }

  /** Writes nothing more. What waits here was not handed over, and never will be. */
  stop(): void {
    this.#stopped = true
    this.#empty()
    this.#stream.off("drain", this.#flush)
  }

  readonly #flush = (): void => {
    this.#scheduled = false
    while (this.#first < this.#queue.length && this.#stream.writable && !this.#stream.writableNeedDrain) {
      const leaving: Array<McpTransport.Outgoing> = []
      let lines = ""
      while (this.#first < this.#queue.length && lines.length < batch) {
        const at = this.#first++
        const outgoing = this.#queue[at]
        const text = this.#texts[at]
        if (outgoing === undefined || text === undefined) continue
        this.#waiting -= text.length
        // What was given up before it left may be on its way elsewhere by now: it must not leave here, too.
        if (outgoing.abandoned === true) continue
        leaving.push(outgoing)
        lines += `${text}\n`
      }
      if (lines === "") continue
      for (const outgoing of leaving) outgoing.handedOver = true
      this.#stream.write(lines)
    }
    if (this.#first === this.#queue.length) this.#empty()
    // Not at every write: that would move all the rest each time.
    else if (2 * this.#first >= this.#queue.length) this.#clear()
  }

  #empty(): void {
    this.#queue = []
    this.#texts = []
    this.#first = 0
    this.#waiting = 0
    this.#crowded = fewest
    this.#heavy = lightest
  }

  /**
   * Lets go of what has left or was given up. Done as often as the queue has doubled, by its length or by that of its
   * texts: a server that reads nothing, and whose callers give up one after another, must not make it grow.
   */
  #clear(): void {
    const isWanted = (_: unknown, at: number) => at >= this.#first && this.#queue[at]?.abandoned !== true
    this.#texts = this.#texts.filter(isWanted)
    this.#queue = this.#queue.filter(isWanted)
    this.#first = 0
    this.#waiting = this.#texts.reduce((sum, text) => sum + text.length, 0)
    this.#crowded = Math.max(fewest, 2 * this.#queue.length)
    this.#heavy = Math.max(lightest, Math.min(2 * this.#waiting, this.#limits.inFlightBytes))
  }
}

// Less than this is not worth looking through.
const fewest = 64
const lightest = 1024 * 1024

// A write stops growing at this many characters. A message is never split over two.
const batch = 64 * 1024
