import { describe, expect, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"
import { type ResponseHead } from "../src/internal/ResponseHead.js"
import { ResponseReader } from "../src/internal/ResponseReader.js"

/** What a reader tells of bytes that come in these pieces, after which the connection ends. */
interface Heard {
  readonly told: ReadonlyArray<string>
  /** What breaks the rules. */
  readonly refused: string | undefined
  /** Whether a response is cut off. */
  readonly isCut: boolean
  readonly keeps: boolean | undefined
}

interface Reading extends Heard {
  /** How many bytes were looked at, as far as methods of the buffer tell, and how often anybody was told something. */
  readonly steps: number
}

/** Of the buffer that all is read into, what follows what was read is of earlier reads: here, the worst that it can be. */
const left = "\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc\r\n0\r\n\r\n"

const read = (pieces: ReadonlyArray<Buffer>, responses = 1, stopAt?: number): Reading => {
  const told: Array<string> = []
  let body: string | undefined
  let due = responses
  let events = 0
  let steps = 0
  const event = (): void => {
    steps++
    if (++events === stopAt) reader.stop()
  }
  const reader: ResponseReader = new ResponseReader({
    head: ({ status }: ResponseHead) => {
      told.push(`head ${status}`)
      body = ""
      event()
    },
    body: (chunk) => {
      expect(chunk.length).toBeGreaterThan(0)
      body = (body ?? "?") + Buffer.from(chunk).toString("latin1")
      event()
    },
    end: () => {
      told.push(`body ${body ?? "?"}`, "end")
      body = undefined
      if (--due > 0) reader.expect()
      event()
    }
  })
  reader.expect()
  let refused: string | undefined
  for (const piece of pieces) {
    const bytes = Buffer.concat([piece, Buffer.from(left)])
    const toString = bytes.toString.bind(bytes)
    bytes.toString = (encoding, from = 0, to = bytes.length) => {
      expect(to).toBeLessThanOrEqual(piece.length)
      steps += to - from
      return toString(encoding, from, to)
    }
    bytes.indexOf = () => {
      throw new Error("looks beyond what was read")
    }
    refused ??= reader.read(bytes, piece.length)
  }
  const isCut = refused === undefined && reader.finish()
  if (body !== undefined) told.push(`body ${body}`)
  return { told, refused, isCut, keeps: reader.last?.keepsAlive, steps }
}

const whole = (text: string, responses?: number, stopAt?: number): Heard => {
  const { steps: _, ...heard } = read([Buffer.from(text, "latin1")], responses, stopAt)
  return heard
}

const cut = (text: string, sizes: ReadonlyArray<number>): ReadonlyArray<Buffer> => {
  const bytes = Buffer.from(text, "latin1")
  const pieces: Array<Buffer> = []
  for (let at = 0, n = 0; at < bytes.length; n++) {
    const size = sizes[n % sizes.length] ?? 1
    pieces.push(bytes.subarray(at, at + size))
    at += size
  }
  return pieces
}

const answered = (body: string, keeps = true, status = 200): Heard => ({
  told: [`head ${status}`, `body ${body}`, "end"],
  refused: undefined,
  isCut: false,
  keeps
})
const refused = (reason: string, ...told: ReadonlyArray<string>) =>
  expect.objectContaining({ told, refused: reason, isCut: false })
const cutOff = (...told: ReadonlyArray<string>) => expect.objectContaining({ told, refused: undefined, isCut: true })

const ok = "HTTP/1.1 200 OK\r\n"
const chunked = `${ok}Transfer-Encoding: chunked\r\n\r\n`
const notHttp = "the response does not begin as one of HTTP/1.1"
const badHeader = "a header of the response is none"
const badLength = "the length of the response is no number, or several"
const badCoding = "the transfer encoding is one that nobody asked for"
const unended = "a line does not end with CR and LF"
const overlong = "the head of the response is longer than 16384 bytes"
const unasked = "the server sent what nobody had asked for"
const noNumber = "the size of a chunk is no number"
/** A head of so many bytes. */
const long = (bytes: number) => `${ok}X: ${"x".repeat(bytes - ok.length - 3)}\r\n\r\n`

/** What it is, the bytes, and what is told of them. */
const cases: ReadonlyArray<readonly [string, string, unknown]> = [
  // Status lines.
  ["a reason phrase may be empty", "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", answered("")],
  ["and so may the space before it", "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", answered("")],
  ["a reason phrase of other bytes", "HTTP/1.1 200 \xe9\t!\r\nContent-Length: 0\r\n\r\n", answered("")],
  ["a status that is not known", "HTTP/1.1 799 ?\r\nContent-Length: 0\r\n\r\n", answered("", true, 799)],
  ["a status of two digits", "HTTP/1.1 20 OK\r\n\r\n", refused(notHttp)],
  ["a status of four digits", "HTTP/1.1 2000 OK\r\n\r\n", refused(notHttp)],
  ["a status below 100", "HTTP/1.1 099 OK\r\n\r\n", refused(notHttp)],
  ["two spaces before the status", "HTTP/1.1  200 OK\r\n\r\n", refused(notHttp)],
  ["a tab before the status", "HTTP/1.1\t200 OK\r\n\r\n", refused(notHttp)],
  ["a space before all", " HTTP/1.1 200 OK\r\n\r\n", refused(notHttp)],
  ["HTTP/2", "HTTP/2.0 200 OK\r\n\r\n", refused(notHttp)],
  ["HTTP/1.2", "HTTP/1.2 200 OK\r\n\r\n", refused(notHttp)],
  ["HTTP in small letters", "http/1.1 200 OK\r\n\r\n", refused(notHttp)],
  ["HTTP/0.9, as it were", "<html>\r\n\r\n", refused(notHttp)],
  ["another protocol", "SSH-2.0-OpenSSH_9.6\r\n\r\n", refused(notHttp)],
  ["another protocol that waits for an answer", "220 mail.example.com\r\n", refused(notHttp)],
  ["a NUL in the status line", "HTTP/1.1 200 O\0K\r\n\r\n", refused(notHttp)],
  ["a bare CR in the status line", "HTTP/1.1 200 O\rK\r\n\r\n", refused(notHttp)],
  ["a status line that goes on in the next", "HTTP/1.1 200 OK\r\n X: y\r\n\r\n", refused(badHeader)],
  // Headers.
  ["white space around a value", `${ok}Content-Length: \t 2 \t\r\n\r\nok`, answered("ok")],
  ["no white space around it", `${ok}Content-Length:2\r\n\r\nok`, answered("ok")],
  ["a header without a value", `${ok}X:\r\nContent-Length: 2\r\n\r\nok`, answered("ok")],
  ["any bytes above ASCII in a value", `${ok}X: \x80\xff\r\nContent-Length: 2\r\n\r\nok`, answered("ok")],
  ["white space before the colon", `${ok}Content-Length : 2\r\n\r\nok`, refused(badHeader)],
  ["white space before the name, first of all", `${ok} Content-Length: 2\r\n\r\nok`, refused(badHeader)],
  ["no colon", `${ok}Content-Length\r\n\r\n`, refused(badHeader)],
  ["no name", `${ok}: 2\r\n\r\n`, refused(badHeader)],
  ["a name that is no token", `${ok}X(y): 2\r\n\r\n`, refused(badHeader)],
  ["a name beyond ASCII", `${ok}X\xe9: 2\r\n\r\n`, refused(badHeader)],
  ["a NUL in a value", `${ok}X: a\0b\r\n\r\n`, refused(badHeader)],
  ["a DEL in a value", `${ok}X: a\x7fb\r\n\r\n`, refused(badHeader)],
  ["a bare CR in a value", `${ok}X: a\rContent-Length: 2\r\n\r\nok`, refused(badHeader)],
  ["a bare LF in a value", `${ok}X: a\nContent-Length: 2\r\n\r\nok`, refused(badHeader)],
  ["a bare LF at the end of the status line", "HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n", refused(notHttp)],
  ["bare LF everywhere", "HTTP/1.1 200 OK\nContent-Length: 2\n\nok", cutOff()],
  ["a value that goes on in the next line", `${ok}Content-Length:\r\n 2\r\n\r\nok`, answered("ok")],
  ["a value that goes on in empty lines", `${ok}Content-Length: 2\r\n \r\n\t\r\n\r\nok`, answered("ok")],
  ["a length that goes on in the next line", `${ok}Content-Length: 2\r\n 2\r\n\r\nok`, refused(badLength)],
  ["a NUL in the next line", `${ok}X: a\r\n b\0\r\n\r\n`, refused(badHeader)],
  ["a head as long as may be", long(16_384), answered("", false)],
  ["a head that is longer", long(16_385), refused(overlong)],
  ["a head without end", ok + "X: y\r\n".repeat(20_000), refused(overlong)],
  ["empty lines before all", `\r\n\n\r\r\n${ok}Content-Length: 2\r\n\r\nok`, answered("ok")],
  ["empty lines without end", "\r\n".repeat(40_000), refused(overlong)],
  // Lengths.
  ["a body of no bytes", `${ok}Content-Length: 0\r\n\r\n`, answered("")],
  ["zeros before a length", `${ok}Content-Length: 0002\r\n\r\nok`, answered("ok")],
  ["a negative length", `${ok}Content-Length: -2\r\n\r\nok`, refused(badLength)],
  ["a signed length", `${ok}Content-Length: +2\r\n\r\nok`, refused(badLength)],
  ["a hexadecimal length", `${ok}Content-Length: 0x2\r\n\r\nok`, refused(badLength)],
  ["a length with a fraction", `${ok}Content-Length: 2.0\r\n\r\nok`, refused(badLength)],
  ["an empty length", `${ok}Content-Length:\r\n\r\nok`, refused(badLength)],
  ["a length of other digits", `${ok}Content-Length: \xb2\r\n\r\nok`, refused(badLength)],
  ["a huge length", `${ok}Content-Length: 18446744073709551618\r\n\r\nok`, refused(badLength)],
  ["a length twice", `${ok}Content-Length: 2\r\nContent-Length: 2\r\n\r\nok`, refused(badLength)],
  ["two lengths", `${ok}Content-Length: 2\r\nContent-Length: 3\r\n\r\nok`, refused(badLength)],
  ["a list of lengths", `${ok}Content-Length: 2, 2\r\n\r\nok`, refused(badLength)],
  ["a body that is cut off", `${ok}Content-Length: 3\r\n\r\nok`, cutOff("head 200", "body ok")],
  ["a byte too many", `${ok}Content-Length: 2\r\n\r\nok!`, refused(unasked, "head 200", "body ok", "end")],
  ["an empty line too many", `${ok}Content-Length: 2\r\n\r\nok\r\n`, refused(unasked, "head 200", "body ok", "end")],
  ["no length: up to the end", `${ok}\r\nok`, answered("ok", false)],
  ["no length and no body", `${ok}\r\n`, answered("", false)],
  // Transfer encodings.
  [
    "a length and a transfer encoding",
    `${ok}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    refused("the response has both a length and a transfer encoding")
  ],
  ["chunked, in other letters", `${ok}TRANSFER-ENCODING:  ChunkeD \r\n\r\n0\r\n\r\n`, answered("")],
  ["chunked twice", `${ok}Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n`, refused(badCoding)],
  [
    "chunked in two headers",
    `${ok}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    refused(badCoding)
  ],
  ["gzip, chunked", `${ok}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`, refused(badCoding)],
  ["identity", `${ok}Transfer-Encoding: identity\r\n\r\nok`, refused(badCoding)],
  ["chunked with a parameter", `${ok}Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n`, refused(badCoding)],
  ["something like chunked", `${ok}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`, refused(badCoding)],
  ["a vertical tab before chunked", `${ok}Transfer-Encoding: \vchunked\r\n\r\n0\r\n\r\n`, refused(badHeader)],
  ["an empty transfer encoding", `${ok}Transfer-Encoding:\r\n\r\n0\r\n\r\n`, refused(badCoding)],
  ["a transfer encoding in the next line", `${ok}Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n`, answered("")],
  // Informational responses, and those without a body.
  [
    "informational responses",
    `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n${ok}Content-Length: 2\r\n\r\nok`,
    answered("ok")
  ],
  [
    "one with a length",
    `HTTP/1.1 102 Processing\r\nContent-Length: 5\r\n\r\n${ok}Content-Length: 2\r\n\r\nok`,
    answered("ok")
  ],
  [
    "informational responses without end",
    "HTTP/1.1 100 Continue\r\n\r\n".repeat(3000),
    refused("the server sent informational responses without end")
  ],
  ["nothing but one", "HTTP/1.1 100 Continue\r\n\r\n", cutOff()],
  [
    "another protocol is switched to",
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n",
    refused("the server left HTTP, which it was not asked to")
  ],
  ["204 has no body", "HTTP/1.1 204 No Content\r\n\r\n", answered("", true, 204)],
  ["204 with a length", "HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n", answered("", true, 204)],
  ["204 with chunks", "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n", answered("", true, 204)],
  [
    "204 with a length and chunks",
    "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n",
    refused("the response has both a length and a transfer encoding")
  ],
  [
    "204 with a body",
    "HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nok",
    refused(unasked, "head 204", "body ", "end")
  ],
  [
    "304 says the length of what it does not have",
    "HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n",
    answered("", true, 304)
  ],
  // How long the connection lives.
  ["close", `${ok}Connection: close\r\nContent-Length: 2\r\n\r\nok`, answered("ok", false)],
  ["close in a list", `${ok}Connection: x-close, CLOSE ,y\r\nContent-Length: 2\r\n\r\nok`, answered("ok", false)],
  [
    "close in a second header",
    `${ok}Connection: keep-alive\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok`,
    answered("ok", false)
  ],
  ["something like close", `${ok}Connection: closed\r\nContent-Length: 2\r\n\r\nok`, answered("ok")],
  ["HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", answered("ok", false)],
  [
    "HTTP/1.0 that is kept alive",
    "HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 2\r\n\r\nok",
    answered("ok")
  ],
  [
    "HTTP/1.0 that says both",
    "HTTP/1.0 200 OK\r\nConnection: keep-alive, close\r\nContent-Length: 2\r\n\r\nok",
    answered("ok", false)
  ],
  ["HTTP/1.0 up to the end", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\nok", answered("ok", false)],
  [
    "HTTP/1.0 with chunks",
    "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    answered("ok", false)
  ],
  // Chunks.
  ["chunks", `${chunked}1\r\no\r\n0001\r\nk\r\n0\r\n\r\n`, answered("ok")],
  [
    "sizes in letters of both kinds",
    `${chunked}a\r\n0123456789\r\nB\r\n0123456789a\r\n00\r\n\r\n`,
    answered("01234567890123456789a")
  ],
  ["extensions", `${chunked}2;a=b;c="d;e"\r\nok\r\n0 \t; x\r\n\r\n`, answered("ok")],
  ["white space after a size", `${chunked}2 \t\r\nok\r\n0\r\n\r\n`, answered("ok")],
  ["a word after a size", `${chunked}2 ok\r\nok\r\n0\r\n\r\n`, refused(noNumber, "head 200", "body ")],
  [
    "a NUL in an extension",
    `${chunked}2;\0\r\nok\r\n0\r\n\r\n`,
    refused("what follows the size of a chunk is no text", "head 200", "body ")
  ],
  ["a bare LF after a size", `${chunked}2\nok\r\n0\r\n\r\n`, refused(noNumber, "head 200", "body ")],
  ["a bare LF in an extension", `${chunked}2;x\nok\r\n0\r\n\r\n`, refused(unended, "head 200", "body ")],
  ["a bare CR in an extension", `${chunked}2;x\ry\r\nok\r\n0\r\n\r\n`, refused(unended, "head 200", "body ")],
  [
    "an extension without end",
    `${chunked}2;${"x".repeat(20_000)}`,
    refused("what follows the size of a chunk is too long", "head 200", "body ")
  ],
  [
    "white space without end",
    `${chunked}2${" ".repeat(20_000)}`,
    refused("what follows the size of a chunk is too long", "head 200", "body ")
  ],
  ["no size", `${chunked}\r\nok\r\n0\r\n\r\n`, refused("a chunk has no size", "head 200", "body ")],
  [
    "an extension without a size",
    `${chunked};x\r\nok\r\n0\r\n\r\n`,
    refused("a chunk has no size", "head 200", "body ")
  ],
  ["white space before a size", `${chunked} 2\r\nok\r\n0\r\n\r\n`, refused("a chunk has no size", "head 200", "body ")],
  ["a size with a sign", `${chunked}-2\r\nok\r\n0\r\n\r\n`, refused("a chunk has no size", "head 200", "body ")],
  ["a size with a prefix", `${chunked}0x2\r\nok\r\n0\r\n\r\n`, refused(noNumber, "head 200", "body ")],
  ["a size with an underscore", `${chunked}1_0\r\nok\r\n0\r\n\r\n`, refused(noNumber, "head 200", "body ")],
  [
    "a huge size",
    `${chunked}fffffffffffffffff\r\nok`,
    refused("a chunk is longer than anything can be", "head 200", "body ")
  ],
  [
    "a size that would be 2 when 64 bits are not enough",
    `${chunked}10000000000000002\r\nok\r\n0\r\n\r\n`,
    refused("a chunk is longer than anything can be", "head 200", "body ")
  ],
  [
    "a chunk longer than its size",
    `${chunked}1\r\nok\r\n0\r\n\r\n`,
    refused("a chunk is longer than its size", "head 200", "body o")
  ],
  [
    "a bare LF after a chunk",
    `${chunked}2\r\nok\n0\r\n\r\n`,
    refused("a chunk is longer than its size", "head 200", "body ok")
  ],
  [
    "a bare CR after a chunk",
    `${chunked}2\r\nok\r0\r\n\r\n`,
    refused("a chunk is longer than its size", "head 200", "body ok")
  ],
  ["no last chunk", `${chunked}2\r\nok\r\n`, cutOff("head 200", "body ok")],
  ["no empty line after the last chunk", `${chunked}2\r\nok\r\n0\r\n`, cutOff("head 200", "body ok")],
  ["a byte too many after the last chunk", `${chunked}0\r\n\r\n0`, refused(unasked, "head 200", "body ", "end")],
  ["trailers", `${chunked}2\r\nok\r\n0\r\nX: y\r\nContent-Length: 99\r\n\r\n`, answered("ok")],
  ["a bare LF in the trailers", `${chunked}0\r\nX: y\n\r\n`, refused(unended, "head 200", "body ")],
  ["a bare CR in the trailers", `${chunked}0\r\nX: y\rZ\r\n\r\n`, refused(unended, "head 200", "body ")],
  [
    "trailers without end",
    chunked + "0\r\n" + "X: y\r\n".repeat(4000),
    refused("the trailers are too long", "head 200", "body ")
  ],
  ["nothing at all", "", cutOff()]
]

describe("a reader of responses", () => {
  it.each(cases)("%s", (_, text, expected) => {
    const heard = whole(text)
    expect(heard).toEqual(expected)
    for (const sizes of [[1], [2], [3], [5, 1], [text.length - 1 || 1], [1, text.length]]) {
      const { steps: __, ...again } = read(cut(text, sizes))
      expect(again).toEqual(heard)
    }
  })

  it("reads one response after the other, each when it is due", () => {
    const text = `${ok}Content-Length: 2\r\n\r\nok${chunked}2\r\nno\r\n0\r\n\r\nHTTP/1.1 204 No\r\n\r\n`
    const told = ["head 200", "body ok", "end", "head 200", "body no", "end", "head 204", "body ", "end"]
    expect(whole(text, 3)).toEqual({ told, refused: undefined, isCut: false, keeps: true })
    expect(whole(text, 2)).toEqual(expect.objectContaining({ told: told.slice(0, 6), refused: unasked }))
  })

  it("tells nothing after it was told to stop, whoever told it when", () => {
    const text = `${ok}Content-Length: 2\r\n\r\nok${chunked}1\r\nn\r\n1\r\no\r\n0\r\n\r\n`
    for (const sizes of [[1], [7], [text.length]]) {
      const pieces = cut(text, sizes)
      const { steps } = read(pieces, 2)
      for (let stopAt = 1; stopAt < steps; stopAt++) {
        const heard = read(pieces, 2, stopAt)
        expect(heard.refused).toBeUndefined()
        expect(heard.isCut).toBe(false)
      }
      // The head alone.
      expect(read(pieces, 2, 1).told).toEqual(["head 200", "body "])
    }
  })

  const piece = FastCheck.oneof(
    FastCheck.constantFrom(...cases.map(([, text]) => text).filter(({ length }) => length < 500)),
    FastCheck.constantFrom(
      "\r\n",
      "\r",
      "\n",
      ok,
      chunked,
      "0\r\n\r\n",
      "5\r\nhello\r\n",
      "X: y\r\n",
      " ",
      ";",
      "\0",
      "f"
    ),
    FastCheck.string({ unit: "binary-ascii", maxLength: 8 })
  )
  /** Responses that were changed, put together, and cut anywhere. */
  const texts = FastCheck.record({
    pieces: FastCheck.array(piece, { minLength: 1, maxLength: 6 }),
    drop: FastCheck.nat(400),
    dropped: FastCheck.nat(3),
    insert: FastCheck.nat(400),
    inserted: FastCheck.string({ unit: "binary-ascii", maxLength: 2 })
  }).map(({ drop, dropped, insert, inserted, pieces }) => {
    const text = pieces.join("")
    const less = text.slice(0, drop) + text.slice(drop + dropped)
    return less.slice(0, insert) + inserted + less.slice(insert)
  })
  const sizes = FastCheck.array(FastCheck.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 8 })

  it.prop(
    "tells and refuses the same however the bytes are cut, and throws at nothing",
    [texts, sizes, FastCheck.integer({ min: 1, max: 3 })],
    ([text, sizes, responses]) => {
      const { steps: _, ...cutUp } = read(cut(text, sizes), responses)
      expect(cutUp).toEqual(whole(text, responses))
    },
    { fastCheck: { numRuns: 3000 } }
  )

  it("does no more for a byte the more there are of them, and the smaller they are cut", () => {
    const hostile: ReadonlyArray<string> = [
      long(16_384),
      ok + "X:y\r\n".repeat(3000) + "\r\n",
      ok + "X: y\r\n" + " z\r\n".repeat(4000) + "\r\n",
      "\r\n".repeat(20_000) + `${ok}\r\n`,
      "HTTP/1.1 100 C\r\n\r\n".repeat(3000),
      chunked + "1;xxxxxxxxxxxxxxxx\r\no\r\n".repeat(3000) + "0\r\n\r\n",
      chunked + "0\r\n" + "X:y\r\n".repeat(3000) + "\r\n"
    ]
    for (const text of hostile) {
      for (const size of [1, 2, 17, 4096, text.length]) {
        expect(read(cut(text, [size])).steps).toBeLessThanOrEqual(text.length * 2)
      }
    }
  })
})
