/** The head of an HTTP/1.1 request as text. Values only, but for what it remembers. */
import type { HttpCarrier } from "@mooring/mcp"

/** What a head cannot be made of. */
export class Unfit extends Error {
  override readonly name = "Unfit"
}

/**
 * Makes the heads of requests to one origin. Connections share their lists of headers between requests, so the text of
 * each is made once.
 */
export class RequestHeads {
  private readonly known = new WeakMap<ReadonlyArray<string>, Known>()

  constructor(private readonly host: string) {}

  /** Up to where the length of the body stands. Throws `Unfit`. One character is one byte. */
  of({ body, headers, method, path }: HttpCarrier.HttpRequest): string {
    const hasBody = body !== undefined
    const known = this.known.get(headers)
    if (known?.method === method && known.path === path && known.hasBody === hasBody) return known.text
    const text = written(this.host, method, path, headers, hasBody)
    this.known.set(headers, { method, path, hasBody, text })
    return text
  }
}

interface Known {
  readonly method: string
  readonly path: string
  readonly hasBody: boolean
  readonly text: string
}

const written = (
  host: string,
  method: string,
  path: string,
  headers: ReadonlyArray<string>,
  hasBody: boolean
): string => {
  if (!target.test(path)) throw new Unfit("its path has characters that no request line can hold")
  let lines = ""
  let named = false
  for (let n = 0; n + 1 < headers.length; n += 2) {
    const name = headers[n] ?? ""
    const value = headers[n + 1] ?? ""
    if (!token.test(name)) throw new Unfit(`the name of its header ${n / 2 + 1} is none`)
    if (!fieldValue.test(value))
      throw new Unfit(`the value of its header ${name} has characters that no header can hold`)
    const lower = name.toLowerCase()
    // What is sent anyway.
    if (lower === "connection" && value.toLowerCase() === "keep-alive") continue
    if (ofSocket.has(lower)) throw new Unfit(`its header ${name} is for the socket to say`)
    if (lower === "host") {
      if (named) throw new Unfit("it names its host twice")
      named = true
    }
    lines += `${name}: ${value}\r\n`
  }
  const first = `${method} ${path} HTTP/1.1\r\n${named ? "" : `host: ${host}\r\n`}connection: keep-alive\r\n`
  return `${first}${lines}${hasBody ? "content-length: " : method === "POST" ? "content-length: 0\r\n\r\n" : "\r\n"}`
}

/** What says where the request ends, or how the socket is used: whoever sets these makes one request into two. */
const ofSocket: ReadonlySet<string> = new Set([
  "connection",
  "content-length",
  "expect",
  "keep-alive",
  "proxy-connection",
  "te",
  "transfer-encoding",
  "upgrade"
])

const target = /^\/[\x21-\x7e]*$/
const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const fieldValue = /^[\t\x20-\x7e\x80-\xff]*$/
