import { describe, expect, it } from "@effect/vitest"
import type { HttpCarrier } from "@mooring/mcp"
import * as FastCheck from "effect/FastCheck"
import { RequestHeads, Unfit } from "../src/internal/RequestHead.js"
import * as ResponseHead from "../src/internal/ResponseHead.js"

const post: HttpCarrier.HttpRequest = { method: "POST", path: "/mcp?x=1", headers: ["accept", "*/*"], body: "{}" }
const head = (request: Partial<HttpCarrier.HttpRequest>) =>
  new RequestHeads("example.com:8080").of({ ...post, headers: [], ...request })

describe("the head of a request", () => {
  it("is all but the length of its body, or all where there is none", () => {
    const heads = new RequestHeads("example.com:8080")
    const common = "/mcp?x=1 HTTP/1.1\r\nhost: example.com:8080\r\nconnection: keep-alive\r\naccept: */*\r\n"
    expect(heads.of(post)).toBe(`POST ${common}content-length: `)
    expect(heads.of({ ...post, method: "GET", body: undefined })).toBe(`GET ${common}\r\n`)
    expect(heads.of({ ...post, method: "DELETE", body: undefined })).toBe(`DELETE ${common}\r\n`)
    // What ends a request that could have a body must be said.
    expect(heads.of({ ...post, body: undefined })).toBe(`POST ${common}content-length: 0\r\n\r\n`)
  })

  it("is made once for a list of headers, and anew for all that differs", () => {
    const heads = new RequestHeads("a")
    const first = heads.of(post)
    expect(heads.of({ ...post, body: "another" })).toBe(first)
    expect(heads.of({ ...post, path: "/other" })).toContain("POST /other ")
    expect(heads.of({ ...post, body: undefined })).toMatch(/content-length: 0\r\n\r\n$/)
    expect(heads.of(post)).toBe(first)
    expect(heads.of({ ...post, method: "GET", body: undefined })).toMatch(/^GET .*\r\n\r\n$/s)
    expect(heads.of({ ...post, headers: ["accept", "x"] })).toContain("accept: x\r\n")
  })

  it("names another host where a header does, once", () => {
    expect(head({ headers: ["HOST", "other"] })).not.toContain("example.com")
    expect(head({ headers: ["HOST", "other"] })).toContain("HOST: other\r\n")
    expect(() => head({ headers: ["Host", "a", "host", "b"] })).toThrow(Unfit)
  })

  it("is not made where a header would say where the request ends, or what becomes of the socket", () => {
    const names = ["Content-Length", "transfer-encoding", "Connection", "Upgrade", "Keep-Alive", "Expect", "TE"]
    for (const name of names) expect(() => head({ headers: [name, "1"] })).toThrow(Unfit)
    expect(head({ headers: ["Connection", "Keep-Alive"] }).match(/connection/gi)).toHaveLength(1)
  })

  it("is not made of what no request line can hold", () => {
    for (const path of ["", "mcp", "/a b", "/a\r\nx: y", "/a\0", "/é", "/\u{1f600}", "/\x7f", "http://a/"]) {
      expect(() => head({ path })).toThrow(Unfit)
    }
  })

  it("shows no value of a header that cannot be written", () => {
    expect(() => head({ headers: ["authorization", "hunter22\n"] })).toThrow(
      "the value of its header authorization has characters that no header can hold"
    )
  })

  const text = FastCheck.string({ unit: "binary", maxLength: 12 })

  it.prop(
    "is whole or is none: nothing in a value, a name or a path makes another line of it",
    { path: text, name: text, value: text },
    ({ name, path, value }) => {
      for (const request of [{ path: `/${path}` }, { headers: [name, "v"] }, { headers: ["x", value] }]) {
        let made
        try {
          made = head(request)
        } catch (error) {
          expect(error).toBeInstanceOf(Unfit)
          continue
        }
        expect(made).toMatch(/^[\t\x20-\x7e\x80-\xff\r\n]*$/)
        expect(made.replaceAll("\r\n", "")).not.toMatch(/[\r\n]/)
        const lines = made.split("\r\n").length
        expect(lines).toBeLessThanOrEqual(5)
        expect(lines).toBeGreaterThanOrEqual(4)
      }
    },
    { fastCheck: { numRuns: 1000 } }
  )
})

const parsed = (...lines: ReadonlyArray<string>): ResponseHead.ResponseHead => {
  const head = ResponseHead.parse(["HTTP/1.1 200 OK", ...lines].join("\r\n"))
  if (typeof head === "string") throw new Error(head)
  return head
}

describe("the head of a response", () => {
  it("gives a value by its name in small letters, several as one list, each character a byte", () => {
    const head = parsed("X-One: a", "x-one:", "X-ONE: \xe9\xff ", "__proto__: p", "Set-Cookie: c=1")
    expect(head.header("x-one")).toBe("a, , \xe9\xff")
    expect(head.header("__proto__")).toBe("p")
    expect(head.header("constructor")).toBeUndefined()
    expect(head.header("p")).toBeUndefined()
    expect(head.header("x-two")).toBeUndefined()
  })

  it("puts a value together that goes on in other lines, and takes no time to", () => {
    expect(parsed("X: a ", "  b", "\t", "\tc\t").header("x")).toBe("a b c")
    expect(parsed("X:", " b").header("x")).toBe("b")
  })

  it("says how long the server keeps the connection", () => {
    const says = (value: string) => parsed(`Keep-Alive: ${value}`).keepsAliveFor
    expect(says("timeout=5")).toBe(5)
    expect(says("max=7, TIMEOUT=5")).toBe(5)
    expect(says("timeout=5;max=7")).toBe(5)
    expect(says("timeout=0")).toBe(0)
    expect(says("notimeout=5")).toBeUndefined()
    expect(says("timeout=-5")).toBeUndefined()
    expect(says("timeout=")).toBeUndefined()
    expect(says("timeout=99999999999999999999")).toBe(999_999_999)
  })

  it.prop(
    "of any text is one, or is refused in words that hold nothing of it",
    [FastCheck.string({ unit: "binary-ascii" })],
    ([text]) => {
      const head = ResponseHead.parse(`HTTP/1.1 200 OK\r\n${text}`)
      if (typeof head === "string") expect(head).toMatch(/^(a header|the (length|transfer|response)) /)
      else expect(head.status).toBe(200)
    }
  )
})
