import { describe, expect, it } from "@effect/vitest"
import { JsonRpc } from "@mooring/mcp"
import type { JSONRPCMessage } from "@modelcontextprotocol/sdk/types.js"
import { FastCheck } from "effect"

const { messagesIn } = JsonRpc

describe("JSON-RPC", () => {
  it.each([
    { jsonrpc: "2.0", id: 1, method: "ping" },
    { jsonrpc: "2.0", method: "notifications/x", params: {} },
    { jsonrpc: "2.0", id: "a", result: {} },
    { jsonrpc: "2.0", id: 1, error: { code: -1, message: "no", data: 1 } }
  ])("takes a message as it is: %j", (message) => {
    expect(messagesIn(message)).toEqual([message])
    expect(messagesIn([message, 1])).toEqual([message, expect.any(JsonRpc.Junk)])
  })

  it.each([
    1,
    null,
    "text",
    {},
    { jsonrpc: "1.0", id: 1, method: "ping" },
    { jsonrpc: "2.0", id: {}, method: "ping" },
    { jsonrpc: "2.0", method: 1, id: 1, result: {} },
    { jsonrpc: "2.0", method: "m", params: [] },
    { jsonrpc: "2.0", id: 1 },
    { jsonrpc: "2.0", id: null, result: {} },
    { jsonrpc: "2.0", id: null, error: {} }
  ])("takes nothing else for one: %j", (value) => {
    expect(messagesIn(value)).toEqual([expect.any(JsonRpc.Junk)])
  })

  it("gives an error to a request whose answer is malformed, instead of letting it wait", () => {
    const error = (message: string) => [{ jsonrpc: "2.0", id: 1, error: { code: -32700, message } }]
    expect(messagesIn({ jsonrpc: "2.0", id: 1, result: null })).toEqual(error("the server's result is not an object"))
    expect(messagesIn({ jsonrpc: "2.0", id: 1, error: "no" })).toEqual(
      error("the server's error has no code and message")
    )
  })

  it("passes over a byte order mark, which some servers write before their first message", () => {
    const message = { jsonrpc: "2.0", id: 1, result: {} }
    expect(JsonRpc.parse(`\ufeff${JSON.stringify(message)}\r`, 512)).toEqual([message])
    expect(JsonRpc.parse(`\ufeff\ufeff{}`, 512)).toEqual([JsonRpc.notJson])
  })

  it("takes an error that answers no request in particular", () => {
    const error = { code: -32700, message: "parse error" }
    expect(messagesIn({ jsonrpc: "2.0", id: null, error })).toEqual([{ jsonrpc: "2.0", error }])
  })

  it("tells what is not JSON, and takes all of a batch that is no message for one piece of junk", () => {
    for (const text of ["", " ", "ready!", "5", "null", '"{}"', "{", '{"a":}', "[1,]"]) {
      expect(JsonRpc.parse(text, 512)).toEqual([JsonRpc.notJson])
    }
    const ping = { jsonrpc: "2.0", id: 1, method: "ping" } as const
    expect(JsonRpc.parse(`[{},${JSON.stringify(ping)},{},5]`, 512)).toEqual([ping, expect.any(JsonRpc.Junk)])
    expect(JsonRpc.parse(` [${JSON.stringify(ping)}]`, 512)).toEqual([ping])
    expect(JsonRpc.parse("[]", 512)).toEqual([expect.any(JsonRpc.Junk)])
  })
})

describe("the depth of a message", () => {
  const junk = (depth: number) => [new JsonRpc.Junk(`JSON that is nested deeper than ${depth} levels`)]
  const refusal = (id: number, depth: number) => [
    {
      jsonrpc: "2.0",
      id,
      error: { code: -32700, message: `the server's answer is nested deeper than ${depth} levels` }
    }
  ]
  const nested = (levels: number) => "[".repeat(levels) + "]".repeat(levels)

  const depthOf = (value: unknown): number =>
    typeof value !== "object" || value === null ? 0 : 1 + Math.max(0, ...Object.values(value).map(depthOf))

  // Strings that look like structure, and end in ways that hide where they end.
  const text = FastCheck.stringOf(FastCheck.constantFrom("{", "[", "]", "}", '"', "\\", ",", ":", "a", "é", "\n"))
  const { value } = FastCheck.letrec<{ value: unknown }>((tie) => ({
    value: FastCheck.oneof(
      { maxDepth: 8, depthSize: "large", withCrossShrink: true },
      text,
      FastCheck.integer(),
      FastCheck.constantFrom(true, null),
      FastCheck.array(tie("value"), { maxLength: 4 }),
      FastCheck.dictionary(text, tie("value"), { maxKeys: 4 })
    )
  }))

  it("is exactly what it would be seen to be after parsing", () => {
    let deep = 0
    FastCheck.assert(
      FastCheck.property(value, FastCheck.nat(8), FastCheck.constantFrom(undefined, 1), (params, depth, indent) => {
        const message = { jsonrpc: "2.0", method: "m", params: { params } }
        const isDeep = depthOf(message) > depth
        if (isDeep) deep++
        const found = JsonRpc.parse(JSON.stringify(message, null, indent), depth)
        expect(found).toEqual(isDeep ? junk(depth) : [message])
      }),
      { numRuns: 3000 }
    )
    expect(deep).toBeGreaterThan(500)
  })

  it("costs neither stack nor much time, however deep it is and however long its strings are", () => {
    const inParams = `{"jsonrpc":"2.0","method":"m","params":{"a":${nested(1_000_000)}}}`
    expect(JsonRpc.parse(inParams, 512)).toEqual(junk(512))
    expect(JsonRpc.parse("[".repeat(4_000_000), 512)).toEqual(junk(512))
    expect(JsonRpc.parse('{"a":'.repeat(1_000_000), 512)).toEqual(junk(512))
    // Quotes and backslashes that would cost the square of their number if any were looked at again and again.
    for (const part of ['\\"', "\\\\", '"[', '":', " "]) {
      const opened = `{"id":1,"result":${nested(600)},"a":"${part.repeat(1_000_000)}`
      expect(JsonRpc.parse(opened, 512)).toHaveLength(1)
    }
  })

  it("may be the limit and not one more", () => {
    const message = (levels: number) => `{"jsonrpc":"2.0","id":3,"result":{"a":${nested(levels - 2)}}}`
    expect(JsonRpc.parse(message(512), 512)).toMatchObject([{ id: 3, result: {} }])
    expect(JsonRpc.parse(message(513), 512)).toEqual(refusal(3, 512))
  })

  it("that is too much fails the request that the message answers, wherever its id stands", () => {
    const deep = nested(600)
    for (const answer of [
      `{"jsonrpc":"2.0","id":7,"result":{"a":${deep}}}`,
      `{"jsonrpc":"2.0","result":{"id":9,"a":[{"id":10}],"b":${deep}},"id":7}`,
      ` {\n"result" : {"method":"x","b":${deep}} ,\t"id" :\r\n 7 }`,
      `{"note":"id","id":7,"error":{"code":1,"message":"\\"}{\\"id\\":8","data":${deep}}}`
    ]) {
      expect(JsonRpc.parse(answer, 512)).toEqual(refusal(7, 512))
    }
    for (const other of [
      `{"jsonrpc":"2.0","id":7,"method":"m","params":{"a":${deep}}}`,
      `{"jsonrpc":"2.0","id":7,"params":{"a":${deep}},"method":"m"}`,
      `{"jsonrpc":"2.0","id":"7","result":{"a":${deep}}}`,
      `{"jsonrpc":"2.0","id":7.5,"result":{"a":${deep}}}`,
      `{"jsonrpc":"2.0","result":{"id":7,"a":${deep}}}`,
      `[{"jsonrpc":"2.0","id":7,"result":{"a":${deep}}}]`,
      deep
    ]) {
      expect(JsonRpc.parse(other, 512)).toEqual(junk(512))
    }
  })
})

describe("a message of ours", () => {
  const message = (value: unknown): JSONRPCMessage => ({ jsonrpc: "2.0", method: "m", params: { value } })

  it("is written if it is JSON and not too long, in bytes", () => {
    const size = (text: string) => JsonRpc.write(message(text), 60)
    expect(size("x".repeat(7))).toBe(JSON.stringify(message("x".repeat(7))))
    const room = 60 - JSON.stringify(message("")).length
    for (const [text, bytes] of [
      ["x", 1],
      ["é", 2],
      ["€", 3],
      ["𝄞", 4]
    ] as const) {
      const fits = text.repeat(Math.floor(room / bytes)) + "x".repeat(room % bytes)
      expect(size(fits)).toBe(JSON.stringify(message(fits)))
      expect(size(`${fits}x`)).toMatchObject({ delivery: "NotSent", fatal: false, unfit: true })
      expect(size(`${fits}x`)).toMatchObject({
        reason: "the message is longer than 60 bytes, which Limits.messageBytes allows"
      })
    }
  })

  it("is refused in plain words, without the names of its fields, if it is not JSON", () => {
    const cyclic: Record<string, unknown> = { secret: 1 }
    cyclic["secret"] = cyclic
    const thrown = {
      toJSON: () => {
        throw new Error("no")
      }
    }
    let deep: unknown = 1
    for (let level = 0; level < 100_000; level++) deep = [deep]
    for (const value of [1n, cyclic, thrown, deep]) {
      const refused = JsonRpc.write(message(value), 1000)
      expect(refused).toMatchObject({ delivery: "NotSent", fatal: false, unfit: true })
      const reason = typeof refused === "string" ? refused : refused.reason
      expect(reason).toMatch(/^the message cannot be written as JSON \(.+\)$/)
      expect(reason).not.toContain("secret")
    }
  })
})
