/**
 * The last lines that a child process wrote to its stderr, for error messages. Everything is taken in, so that the
 * child never waits for us, and little is kept: 20 lines and 4 KiB, redacted. Owns memory only.
 *
 * @since 0.1.0
 */
import type { Redaction } from "@mooring/mcp"
import type { Buffer } from "node:buffer"
import { StringDecoder } from "node:string_decoder"

/**
 * @since 0.1.0
 * @category models
 */
export class StderrTail {
  readonly #redaction: Redaction.Redaction
  readonly #onLine: (line: string) => void
  readonly #decoder = new StringDecoder("utf8")
  readonly #lines: Array<string> = []
  #pending = ""

  /** `onLine` is given each line, redacted. */
  constructor(redaction: Redaction.Redaction, onLine: (line: string) => void) {
    this.#redaction = redaction
    this.#onLine = onLine
  }

  push(chunk: Buffer): void {
    this.#add(this.#decoder.write(chunk))
  }

  /** The child writes nothing more. */
  end(): void {
    this.#add(this.#decoder.end())
    if (this.#pending !== "") this.#line(this.#pending)
    this.#pending = ""
  }

  /** What is kept, and what has come of the line after it. */
  text(): string {
    const last = this.#redaction.apply(
      this.#pending.slice(0, this.#pending.length - this.#redaction.partialAtEnd(this.#pending))
    )
    const lines = last === "" ? this.#lines : [...this.#lines, last].slice(-maxLines)
    return lines.join("\n").slice(-maxCharacters).trim()
  }

  #add(text: string): void {
    // Only what is new is searched: a line may come in many small pieces.
    const lines = text.split("\n")
    const last = lines.pop() ?? ""
    for (const line of lines) {
      this.#line(this.#pending + line)
      this.#pending = ""
    }
    this.#pending += last
    if (this.#pending.length > longestLine) {
      const cut = this.#pending.length - this.#redaction.partialAtEnd(this.#pending)
      this.#line(this.#pending.slice(0, cut))
      this.#pending = this.#pending.slice(cut)
    }
  }

  #line(raw: string): void {
    const line = this.#redaction.apply(raw).slice(-maxCharacters)
    if (line.trim() === "") return
    this.#lines.push(line)
    if (this.#lines.length > maxLines) this.#lines.shift()
    this.#onLine(line)
  }
}

const maxLines = 20
const maxCharacters = 4096
// A longer line is cut into several. Characters.
const longestLine = 16 * 1024
