import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import process from "node:process"
import * as Exchanges from "./fixtures/Exchanges.js"
import * as RawServer from "./fixtures/RawServer.js"

const { constantFrom, integer, nat } = FastCheck

/** Mostly the first. */
const mostly = <A>(usual: A, ...others: ReadonlyArray<A>) =>
  FastCheck.oneof(
    { arbitrary: FastCheck.constant(usual), weight: others.length * 3 },
    { arbitrary: constantFrom(...others), weight: others.length }
  )

const statusLine = mostly(
  "HTTP/1.1 200 OK",
  "HTTP/1.0 200 OK",
  "HTTP/1.1 204 No Content",
  "HTTP/1.1 304 Not Modified",
  "HTTP/1.1 404 N\xe9t Found",
  "HTTP/1.1 200 ",
  "HTTP/1.1 200",
  "HTTP/1.1 799 ?",
  "HTTP/2.0 200 OK",
  "HTTP/1.1 20 OK",
  "HTTP/1.1  200 OK"
)
const before = mostly("", "\r\n", "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", "HTTP/1.1 102 P\r\n\r\n")
const goodHeader = constantFrom(
  "X-A: a",
  "x-a: \t b \t",
  "X-B:",
  "X-B: \x80\xff\xe9",
  "Set-Cookie: a=b",
  "Connection: close",
  "Connection: keep-alive",
  "Keep-Alive: timeout=5, max=3"
)
const badHeader = constantFrom(
  "X-A: folded\r\n value",
  "X-A: folded\r\n\t",
  "X-A : a",
  "X(A): a",
  "X-A",
  ": a",
  "X-A: a\0b",
  "X-A: a\rb",
  "X-A: a\nb"
)
const header = FastCheck.oneof({ arbitrary: goodHeader, weight: 9 }, { arbitrary: badHeader, weight: 1 })
const fewHeaders = FastCheck.array(header, { maxLength: 3 })
const body = FastCheck.string({ unit: "binary-ascii", maxLength: 40 })
const length = constantFrom(0, 0, 0, 0, 1, -1)

type Write = (body: string) => string
const chunkedWith =
  (header: string, extension: string, trailers: string): Write =>
  (body) => {
    const chunks = (body.match(/[^]{1,7}/g) ?? []).map((one) => `${one.length.toString(16)}${extension}\r\n${one}\r\n`)
    return `${header}\r\n\r\n${chunks.join("")}0${extension}\r\n${trailers}\r\n`
  }
const coding = "Transfer-Encoding: chunked"
const wellFramed: FastCheck.Arbitrary<Write> = FastCheck.oneof(
  length.map(
    (more): Write =>
      (body) =>
        `Content-Length: ${Math.max(0, body.length + more)}\r\n\r\n${body}`
  ),
  FastCheck.constant<Write>((body) => `X-A: end\r\n\r\n${body}`),
  FastCheck.tuple(
    mostly(coding, "transfer-encoding:\tCHUNKED ", "Transfer-Encoding:\r\n chunked"),
    mostly("", ";a=b", ' ; a="b c"', " "),
    mostly("", "X-A: trailer\r\n", "X-B: 1\r\nX-B: 2\r\n")
  ).map((parts): Write => chunkedWith(...parts))
)
const oddlyFramed = constantFrom<Write>(
  (body) => `Content-Length: ${body.length}\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  (body) => `Content-Length: ${body.length}, ${body.length}\r\n\r\n${body}`,
  (body) => `Content-Length: 00${body.length}\r\n\r\n${body}`,
  (body) => `Content-Length: +${body.length}\r\n\r\n${body}`,
  (body) => `Content-Length: ${body.length} x\r\n\r\n${body}`,
  (body) => `Content-Length: 99999999999999999999\r\n\r\n${body}`,
  (body) => `Content-Length:\r\n\r\n${body}`,
  (body) => `Content-Length: ${body.length}\r\n${chunkedWith(coding, "", "")(body)}`,
  (body) => `${chunkedWith("Transfer-Encoding: gzip, chunked", "", "")(body)}`,
  (body) => `${chunkedWith("Transfer-Encoding: chunked, identity", "", "")(body)}`,
  (body) => `${chunkedWith(`${coding}\r\n${coding}`, "", "")(body)}`,
  (body) => `${coding}\r\n\r\n${body.length.toString(16)}\n${body}\r\n0\r\n\r\n`,
  (body) => `${coding}\r\n\r\n0${body.length.toString(16)}\r\n${body}\n0\r\n\r\n`,
  (body) => `${coding}\r\n\r\nfffffffffffffffff\r\n${body}\r\n0\r\n\r\n`,
  (body) => `${coding}\r\n\r\n-1\r\n${body}\r\n0\r\n\r\n`
)
const framed = FastCheck.oneof({ arbitrary: wellFramed, weight: 5 }, { arbitrary: oddlyFramed, weight: 2 })

/** A response, changed at up to two places, and with what follows it. */
const response = FastCheck.record({
  before,
  statusLine,
  fewHeaders,
  framed,
  body,
  after: mostly("", "\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"),
  changes: FastCheck.oneof(
    FastCheck.constant([]),
    FastCheck.array(
      FastCheck.record({
        at: nat(300),
        drop: nat(2),
        add: constantFrom("", "", "\r", "\n", "\r\n", " ", "\0", ":", "0", "\x80", ";")
      }),
      { maxLength: 2 }
    )
  ),
  cuts: FastCheck.array(integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 3 })
}).map(({ after, before, body, changes, cuts, fewHeaders, framed, statusLine }) => {
  let text = `${before}${[statusLine, ...fewHeaders].join("\r\n")}\r\n${framed(body)}${after}`
  for (const { add, at, drop } of changes) {
    const place = at % text.length
    text = text.slice(0, place) + add + text.slice(place + drop)
  }
  return { text, cuts }
})

/** A difference that may be, and why. Of what is taken, nothing is said here: it must be the same. */
interface Permitted {
  readonly why: string
  readonly text: RegExp
  /** Whether there is something after the response. */
  readonly goesOn?: boolean
  /** Why we refuse it, if we do. */
  readonly ours?: RegExp
  /** Why they do, if they do. */
  readonly theirs?: RegExp
}

const permitted: ReadonlyArray<Permitted> = [
  {
    why: "we ask for no transfer encoding, and chunked alone needs no asking; what else is said is refused, not guessed",
    text: /transfer-encoding/i,
    ours: /^the transfer encoding is one that nobody asked for$/
  },
  {
    why: "another version than 1.0 and 1.1 is another protocol; llhttp takes 0.9 and 2.0 as if they were 1.1",
    text: /HTTP\/(0\.9|2\.0) /,
    ours: /^the response does not begin as one of HTTP\/1\.1$/
  },
  {
    why: "a status has three digits, and does not begin with 0; llhttp takes it for a small number",
    text: /HTTP\/1\.[01] 0\d\d/,
    ours: /^the response does not begin as one of HTTP\/1\.1$/
  },
  {
    why: "a reason phrase is text, RFC 9112, 4; llhttp takes anything for it but the end of the line",
    // oxlint-disable-next-line no-control-regex -- which of them must not be there is what it says
    text: /HTTP\/1\.[01] \d{3}[^\n]*([\0-\x08]|\r[^\n])/,
    ours: /^the response does not begin as one of HTTP\/1\.1$/
  },
  {
    why: "RFC 9112, 7.1.1, allows white space between the size of a chunk and what follows; llhttp does not",
    text: /[\da-f][ \t]+(;|\r)/i,
    theirs: /Invalid character in chunk size/
  },
  {
    why: "nobody is told what follows the size of a chunk: that it is text is all that is asked of it",
    text: /[\da-f][ \t]*;/i,
    theirs: /Invalid character in chunk (extensions|size)/
  },
  {
    why: "nobody is told the trailers: that their lines end as such is all that is asked of them",
    text: /\r\n0[^\n]*\r\n[^\r]/,
    theirs: /Invalid header (token|value char)/
  },
  {
    why: "RFC 9112, 5.2, wants a value that goes on in the next line to be put together; llhttp refuses it",
    text: /\r\n[ \t]/,
    theirs: /Unexpected whitespace after header value|Invalid header value char|Missing expected LF after header value/
  },
  {
    why: "a response that is whole is not failed for what follows it: its socket is",
    text: /^/,
    goesOn: true,
    theirs: /^HPE_/
  },
  {
    why: "RFC 9110, 8.6: the length in a 304 is that of what was not sent; undici fails it, a 204 with a length likewise",
    text: /HTTP\/1\.[01] (204|304)/,
    theirs: /^UND_ERR_RES_CONTENT_LENGTH_MISMATCH/
  }
]

/** `undici` keeps the white space after a value, which RFC 9112, 5.1, takes off. */
const trimmed = (exchange: Exchanges.Exchange): Exchanges.Exchange =>
  typeof exchange === "string"
    ? exchange
    : { ...exchange, headers: exchange.headers.map((one) => one.replaceAll(/[ \t]+(?=, |$)/g, "")) }

const goesOn = (text: string, ours: Exchanges.Exchange): boolean =>
  typeof ours !== "string" &&
  (ours.status === 204 || ours.status === 304 || !text.endsWith(ours.body === "" ? "\r\n\r\n" : ours.body))

const mayDiffer = (text: string, ours: Exchanges.Exchange, theirs: Exchanges.Exchange): boolean =>
  permitted.some(
    (one) =>
      one.text.test(text) &&
      (one.goesOn !== true || goesOn(text, ours)) &&
      (typeof ours === "string" ? one.ours?.test(ours) === true : one.ours === undefined) &&
      (typeof theirs === "string" ? one.theirs?.test(theirs) === true : one.theirs === undefined)
  )

const seed = Number(process.env["FC_SEED"])
const cases = FastCheck.sample(response, { numRuns: 600, seed })

describe(`600 responses of the seed ${seed}, as they should be, and less so`, () => {
  it.scopedLive("are read as `undici` and `node:http` do, but for differences that have a reason", () =>
    Effect.gen(function* () {
      const { origin } = yield* RawServer.open({
        request: ({ head }, socket) => {
          const one = cases[Number(/^GET \/(\d+) /.exec(head)?.[1])]
          if (one === undefined) return void socket.destroy()
          const bytes = Buffer.from(one.text, "latin1")
          socket.setNoDelay(true)
          let at = 0
          const next = (n: number) => {
            if (at >= bytes.length) return void socket.end()
            const size = one.cuts[n % one.cuts.length] ?? 1
            socket.write(bytes.subarray(at, at + size))
            at += size
            setImmediate(() => next(n + 1))
          }
          next(0)
        }
      })
      const others: ReadonlyArray<readonly [string, Exchanges.Reading]> = [
        ["undici", Exchanges.undici],
        ["node:http", Exchanges.nodeHttp]
      ]
      const taken = { both: 0, neither: 0, differing: 0 }
      const differences: Array<unknown> = []
      for (const [n, { text }] of cases.entries()) {
        const ours = trimmed(yield* Effect.promise(() => Exchanges.ours(origin, `/${n}`)))
        for (const [name, read] of others) {
          const theirs = trimmed(yield* Effect.promise(() => read(origin, `/${n}`)))
          if (typeof ours === "string" && typeof theirs === "string") taken.neither++
          else if (JSON.stringify(ours) === JSON.stringify(theirs)) taken.both++
          else {
            taken.differing++
            if (!mayDiffer(text, ours, theirs)) differences.push({ seed, n, text, ours, [name]: theirs })
          }
        }
      }
      expect(differences).toEqual([])
      // What is generated is worth being read.
      expect(taken.both).toBeGreaterThan(300)
      expect(taken.neither).toBeGreaterThan(150)
      expect(taken.differing).toBeLessThan(300)
    })
  )
})
