/** The head of an HTTP/1.1 response: its status and headers, and what they say of the body and the connection. Values only. */
import type { HttpCarrier } from "@mooring/mcp"

/** How the end of a body is known: by its length, by its last chunk, or by the end of the connection. */
export type Framing = "fixed" | "chunked" | "untilEnd"

export class ResponseHead implements HttpCarrier.HttpHead {
  constructor(
    /** As it was received, without the empty line. */
    readonly text: string,
    readonly status: number,
    /** Names in lower case, and values, in turn. */
    private readonly fields: ReadonlyArray<string>,
    readonly framing: Framing,
    /** Bytes of the body, where they are known from here. */
    readonly length: number,
    /** Whether the server lets the connection live. */
    readonly keepsAlive: boolean,
    /** For how long without requests, if it says so. Seconds. */
    readonly keepsAliveFor: number | undefined
  ) {}

  header(name: string): string | undefined {
    return valueOf(this.fields, name)
  }
}

/** What is said of a head that does not begin as one. */
export const noResponse = "the response does not begin as one of HTTP/1.1"

/** Reads a head. Gives what breaks the rules, if something does. */
export const parse = (text: string): ResponseHead | string => {
  const lines = text.split("\r\n")
  const [, minor, code] = statusLine.exec(lines[0] ?? "") ?? []
  if (code === undefined) return noResponse
  const fields: Array<string> = []
  for (let n = 1; n < lines.length; n++) {
    const line = lines[n] ?? ""
    const before = fields.length - 1
    if (before > 0 && (line.startsWith(" ") || line.startsWith("\t"))) {
      // A value that goes on in the next line, as was allowed once.
      if (forbidden.test(line)) return badHeader
      const more = trimmed(line)
      if (more !== "") fields[before] = fields[before] === "" ? more : `${fields[before] ?? ""} ${more}`
      continue
    }
    const colon = line.indexOf(":")
    const name = line.slice(0, colon)
    const value = line.slice(colon + 1)
    if (colon < 1 || !token.test(name) || forbidden.test(value)) return badHeader
    fields.push(name.toLowerCase(), trimmed(value))
  }
  return framed(text, Number(code), minor === "1", fields)
}

const framed = (text: string, status: number, is11: boolean, fields: ReadonlyArray<string>): ResponseHead | string => {
  const connection = valueOf(fields, "connection")?.toLowerCase() ?? ""
  const transfer = valueOf(fields, "transfer-encoding")
  const lengths = valueOf(fields, "content-length")
  const bodiless = status < 200 || status === 204 || status === 304
  let framing: Framing = "fixed"
  let length = 0
  // Both are how somebody between makes one response into two.
  if (transfer !== undefined && lengths !== undefined) return "the response has both a length and a transfer encoding"
  if (transfer !== undefined && !bodiless) {
    if (transfer.toLowerCase() !== "chunked") return "the transfer encoding is one that nobody asked for"
    framing = "chunked"
  } else if (lengths !== undefined) {
    if (!/^\d{1,15}$/.test(lengths)) return "the length of the response is no number, or several"
    length = bodiless ? 0 : Number(lengths)
  } else if (!bodiless) framing = "untilEnd"
  // What HTTP/1.0 says of a transfer encoding, somebody between may not have understood: RFC 9112, 6.1.
  const isOpenEnded = framing === "untilEnd" || (framing === "chunked" && !is11)
  const keepsAlive = !isOpenEnded && !says(connection, "close") && (is11 || says(connection, "keep-alive"))
  const [, seconds] = /(?:^|[,;\s])timeout=(\d{1,9})/i.exec(valueOf(fields, "keep-alive") ?? "") ?? []
  const keepsAliveFor = seconds === undefined ? undefined : Number(seconds)
  return new ResponseHead(text, status, fields, framing, length, keepsAlive, keepsAliveFor)
}

const valueOf = (fields: ReadonlyArray<string>, name: string): string | undefined => {
  let found: string | undefined
  for (let n = 0; n < fields.length; n += 2) {
    if (fields[n] === name) found = found === undefined ? fields[n + 1] : `${found}, ${fields[n + 1] ?? ""}`
  }
  return found
}

/** Whether a list that is separated by commas has a word. */
const says = (list: string, word: string): boolean =>
  list === word || (list.includes(word) && list.split(",").some((one) => one.trim() === word))

/** Without white space around it. By hand: a pattern takes a second over a head that is full of it. */
const trimmed = (value: string): string => {
  let from = 0
  let to = value.length
  while (from < to && isBlank(value.charCodeAt(from))) from++
  while (to > from && isBlank(value.charCodeAt(to - 1))) to--
  return value.slice(from, to)
}

const isBlank = (unit: number): boolean => unit === 0x20 || unit === 0x09

const statusLine = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: [\t\x20-\x7e\x80-\xff]*)?$/
const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
// oxlint-disable-next-line no-control-regex -- which of them must not be there is what it says
const forbidden = /[\x00-\x08\x0a-\x1f\x7f]/
const badHeader = "a header of the response is none"
