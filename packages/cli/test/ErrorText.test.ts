import { describe, expect, it } from "@effect/vitest"
import { McpError, TaskError } from "@mooring/mcp"
import { PoolError } from "@mooring/pool"
import * as CliError from "../src/CliError.js"
import * as ErrorText from "../src/ErrorText.js"
import * as ExitCode from "../src/ExitCode.js"

const refused = new McpError.McpConnectError({
  server: "files",
  phase: "spawn",
  reason: 'there is no command "nope"',
  retryable: false
})
const lost = new McpError.ConnectionLost({ server: "files", reason: "it exited with code 1", delivery: "Unknown" })

const cases: ReadonlyArray<readonly [ErrorText.KnownError, number, ReadonlyArray<string>]> = [
  [new CliError.UsageError({ reason: "Wrong.", hint: "Do this." }), 2, ["Wrong.", "Do this."]],
  [new CliError.NoConfig({ folder: "/here", names: ["mooring.json"] }), 2, ["/here", "mooring.json", "--config FILE"]],
  [
    new CliError.NotTrusted({ file: "/a b/.mcp.json", changed: false }),
    2,
    ["not trusted", "mooring trust '/a b/.mcp.json'"]
  ],
  [new CliError.NotTrusted({ file: "/x", changed: true }), 2, ["has changed since", "mooring trust /x"]],
  [
    new CliError.UnknownTool({ server: "files", tool: "raed", known: ["read"] }),
    2,
    ["files", "raed", 'Did you mean "read"?']
  ],
  [new CliError.SomeFailed({ failed: 1, of: 3 }), 1, ["1 of 3 servers failed"]],
  [new CliError.DemoError({ reason: "No.", hint: "Because." }), 1, ["No.", "Because."]],
  [refused, 1, ["files", "spawn", "no command", "on PATH"]],
  [
    new McpError.McpConnectError({ server: "web", phase: "dial", reason: "401", retryable: false }),
    1,
    ["web", "401", "url and headers"]
  ],
  [
    new McpError.McpConnectError({ server: "web", phase: "handshake", reason: "no answer", retryable: false }),
    1,
    ["works by hand"]
  ],
  [
    new McpError.McpConnectError({
      server: "f",
      phase: "handshake",
      reason: "exited",
      retryable: true,
      stderr: "boom"
    }),
    1,
    ["exited", "boom"]
  ],
  [
    new McpError.CallTimeout({
      server: "files",
      method: "tools/call",
      tool: "write",
      timeoutMs: 5,
      delivery: "Unknown"
    }),
    1,
    ["files", 'Tool "write"', "5 ms", "callTimeout", "may have run", "before you call again"]
  ],
  [
    new McpError.CallTimeout({ server: "files", method: "ping", timeoutMs: 5, delivery: "NotSent" }),
    1,
    ['"ping"', "5 ms", "was not sent", "safe to call again"]
  ],
  [lost, 1, ["files", "may have run", "Look at the server's state"]],
  [
    new McpError.ConnectionLost({ server: "f", reason: "gone", delivery: "NotSent" }),
    1,
    ["not sent", "safe to call again"]
  ],
  [
    new McpError.OutcomeUnknown({ server: "files", tool: "write", cause: lost }),
    1,
    ["files", "write", "before you call again"]
  ],
  [
    new McpError.ProtocolError({ server: "files", method: "tools/call", code: -32603, reason: "broken" }),
    1,
    ["files", "broken", "-32603"]
  ],
  [
    new McpError.ToolFailed({ server: "files", tool: "read", content: "no such file" }),
    1,
    ["files", "read", "no such file"]
  ],
  [
    new McpError.InvalidArguments({ server: "files", method: "tools/call", tool: "read", reason: "path is required" }),
    2,
    ["path is required", "mooring tools files"]
  ],
  [new McpError.InvalidResult({ server: "files", tool: "read", reason: "x" }), 1, ["files", "read"]],
  [
    new McpError.UnknownServer({ server: "file", known: ["files", "web"] }),
    2,
    ['"file"', '"files", "web"', 'did you mean "files"?']
  ],
  [new McpError.UnknownServer({ server: "zzzzzz", known: ["a"] }), 2, ['"a"', "mooring servers"]],
  [new McpError.UnsupportedCapability({ server: "files", capability: "tools" }), 1, ["files", "tools"]],
  [new McpError.PartitionMissing({ server: "files" }), 2, ["files", "--partition NAME"]],
  [
    new McpError.ServersUnavailable({ failures: [{ server: "files", cause: new Error("no such command") }] }),
    1,
    ["files", "required", "no such command"]
  ],
  [
    new McpError.OutputSchemaRefused({ server: "files", tool: "read", reason: "it uses $dynamicRef" }),
    1,
    ["files", "read", "$dynamicRef", "checkOutput"]
  ],
  [new McpError.ToolDenied({ server: "files", tool: "drop" }), 2, ["files", "drop", "mooring tools files"]],
  [
    new TaskError.TaskMismatch({ server: "files", tool: "index", support: "required" }),
    2,
    ["files", "index", "callToolTask", "cannot run tasks"]
  ],
  [
    new McpError.RateLimited({ server: "files", tool: "read", delivery: "NotSent", retryAfterMs: 40 }),
    1,
    ["files", "read", "40 ms"]
  ],
  [
    new McpError.ConfigError({ file: "/c.json", path: "mcpServers.a", reason: "expected a string" }),
    2,
    ["/c.json", "mcpServers.a", "expected a string"]
  ],
  [
    new PoolError.AcquireTimeout({ key: "files", timeoutMs: 9, waiting: 2 }),
    1,
    ["files", "9 ms", "max or concurrency"]
  ],
  [
    new PoolError.AcquireTimeout({ key: "files", timeoutMs: 9, waiting: 1, cause: refused }),
    1,
    ["no command", "on PATH"]
  ],
  [new PoolError.PoolSaturated({ key: "files", maxWaiters: 3 }), 1, ["files", "3", "maxWaiters"]],
  [new PoolError.PoolClosed({ key: "files" }), 1, ["files"]],
  [new PoolError.PoolSuspended({ key: "files" }), 1, ["files"]],
  [
    new PoolError.CircuitOpen({ key: "files", retryAfterMs: 10, failures: 5, cause: refused }),
    1,
    ["files", "no command", "on PATH"]
  ],
  [new PoolError.CircuitOpen({ key: "files", retryAfterMs: 10, failures: 5 }), 1, ["files", "10 ms", "try again"]],
  [new PoolError.PoolConfigError({ key: "files", field: "max", reason: "must be 1" }), 2, ["files", "max"]],
  [new PoolError.ConnectTimeout({ key: "files", timeoutMs: 7 }), 1, ["files", "7 ms", "connectTimeout"]],
  [new PoolError.LeaseRevoked({ key: "files", reason: "drained" }), 1, ["files", "drained"]]
]

describe("ErrorText", () => {
  it.each(cases.map(([error, code, words]) => ({ tag: error._tag, error, code, words })))(
    "$tag says what happened, to whom, and what to do; exit code $code",
    ({ error, code, words }) => {
      const text = ErrorText.render(error)
      expect(text.startsWith("mooring: ")).toBe(true)
      for (const word of words) expect(text).toContain(word)
      expect(text).not.toMatch(/^\s+at /m)
      expect(text).not.toContain("undefined")
      expect(ExitCode.of(error)).toBe(code)
    }
  )

  it("what is no error of ours is told without its stack, and how to see more", () => {
    const text = ErrorText.render(new TypeError("x is not a function"))
    expect(text).toBe(
      "mooring: something unexpected happened: x is not a function\nRun it again with --debug to see more."
    )
    expect(ExitCode.of(new TypeError("x"))).toBe(1)
  })

  it("control characters of a server do not reach the terminal", () => {
    expect(
      ErrorText.render(new McpError.ToolFailed({ server: "s", tool: "t", content: "\u001b[2Jgone" }))
    ).not.toContain("\u001b")
  })
})
