import { describe, expect, it } from "@effect/vitest"
import { JsonRpc } from "@mooring/mcp"

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

  it("takes an error that answers no request in particular", () => {
    const error = { code: -32700, message: "parse error" }
    expect(messagesIn({ jsonrpc: "2.0", id: null, error })).toEqual([{ jsonrpc: "2.0", error }])
  })
})
