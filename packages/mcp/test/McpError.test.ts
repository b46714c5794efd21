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

  describe("says in one text what happened, what is known, and what to do", () => {
    const lost = new McpError.ConnectionLost({ server: "bank", reason: "it exited (code 1)", delivery: "Unknown" })
    const late = new McpError.CallTimeout({ server: "bank", method: "tools/call", timeoutMs: 50, delivery: "Unknown" })
    const limited = new McpError.ConnectionLost({ ...lost, reason: "it answered 429", status: 429 })
    const message = (more: Partial<ConstructorParameters<typeof McpError.OutcomeUnknown>[0]>) =>
      new McpError.OutcomeUnknown({ server: "bank", tool: "pay", cause: lost, ...more }).message

    it("when nothing was asked", () => {
      expect(message({})).toBe(
        'Tool "pay" on MCP server "bank" may or may not have run: the connection was lost before it was answered, and ' +
          "nothing permits to run it again, or it was run as often as RetryPolicy has it. Look at the server's state " +
          "before you call again. If it does no harm to run it twice, say mayRunTwice; if the server can tell what " +
          "became of a call, give the tool a reconcile. What happened: it exited (code 1)"
      )
      expect(message({ cause: limited })).toContain("the server did not answer as it should, and nothing permits")
      expect(message({ cause: limited })).toMatch(/What happened: it answered 429$/)
    })

    it("when the tool's reconcile was asked", () => {
      expect(message({ cause: late, reconciled: "Unresolved" })).toBe(
        'Tool "pay" on MCP server "bank" may or may not have run: it was not answered within 50 ms, and its reconcile ' +
          "could not tell what became of it. Look at the server's state before you call again."
      )
      expect(message({ reconciled: "TimedOut" })).toContain("its time was over before its reconcile could tell")
      expect(message({ reconciled: "DidNotRun" })).toMatch(
        /did not run: .* could not be run again .* safe to call again/
      )
    })

    it("whatever its reconcile failed with", () => {
      for (const [reconcileCause, shown] of [
        [new Error("no route"), "no route"],
        [{ _tag: "Mine" }, "Mine"],
        ["no idea", "no idea"],
        [Symbol("no idea"), "Symbol(no idea)"],
        [{}, "with no error"],
        [Object.create(null), "with no error"],
        [{ _tag: Object.create(null) }, "with no error"]
      ] as const) {
        const told = message({ reconciled: "Failed", reconcileCause })
        expect(told).toContain(`its reconcile failed (${shown})`)
      }
    })
  })
})

describe("UnknownServer", () => {
  const message = (server: string, known: ReadonlyArray<string>) =>
    new McpError.UnknownServer({ server, known }).message

  it("names the one that was probably meant, and those that there are", () => {
    expect(message("serach", ["search", "billing"])).toBe(
      'No MCP server "serach" is configured; did you mean "search"? Configured: "search", "billing"'
    )
    expect(message("notes", ["search"])).toBe('No MCP server "notes" is configured; configured: "search"')
    expect(message("notes", [])).toBe('No MCP server "notes" is configured: there is none at all')
  })
})

describe("ProtocolError", () => {
  const message = (error: Partial<ConstructorParameters<typeof McpError.ProtocolError>[0]>) =>
    new McpError.ProtocolError({ server: "web", method: "tools/call", code: -32602, reason: "no such city", ...error })
      .message

  it("names the tool where one was called, and says the code once, also where the server has said it", () => {
    expect(message({ method: "prompts/get" })).toBe('MCP server "web" refused "prompts/get": no such city (-32602)')
    expect(message({ tool: "weather" })).toBe('MCP server "web" refused tool "weather": no such city (-32602)')
    expect(message({ tool: "weather", reason: "MCP error -32602: no such city" })).toBe(message({ tool: "weather" }))
    expect(message({ reason: "MCP error -32601: no such city" })).toContain("MCP error -32601: no such city (-32602)")
    expect(message({ tool: "weather", code: McpError.malformedCode, reason: "its answer is not MCP" })).toBe(
      'MCP server "web" received tool "weather", and it may have run, but its answer is not MCP (-32700)'
    )
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
