import { describe, expect, it } from "@effect/vitest"
import { McpError } from "@mooring/mcp"

describe("OutcomeUnknown", () => {
  const because = (cause: McpError.ConnectionLost | McpError.CallTimeout) =>
    new McpError.OutcomeUnknown({ server: "search", tool: "find", cause })

  it("has the status and the wait of the answer that left it open", () => {
    const lost = { server: "search", reason: "it answered 429", delivery: "Unknown" } as const
    const limited = because(new McpError.ConnectionLost({ ...lost, status: 429, retryAfterMs: 7000 }))
    expect([limited.status, limited.retryAfterMs]).toEqual([429, 7000])
    const cutOff = because(new McpError.ConnectionLost(lost))
    expect([cutOff.status, cutOff.retryAfterMs]).toEqual([undefined, undefined])
  })

  it("has neither where no answer came in time", () => {
    const late = { server: "search", method: "tools/call", tool: "find", timeoutMs: 5, delivery: "Unknown" } as const
    const error = because(new McpError.CallTimeout(late))
    expect([error.status, error.retryAfterMs]).toEqual([undefined, undefined])
  })
})

describe("CallTimeout", () => {
  const message = (delivery: McpError.Delivery) =>
    new McpError.CallTimeout({ server: "search", method: "ping", timeoutMs: 5, delivery }).message

  it("says of a call that never left that it waited, and of another that it may have run", () => {
    expect(message("NotSent")).toMatch(/^"ping" on MCP server "search" still waited to be sent after 5 ms\./)
    expect(message("NotSent")).not.toContain("not answered")
    expect(message("Unknown")).toMatch(/^"ping" on MCP server "search" was not answered within 5 ms\..*may have run/)
  })
})
