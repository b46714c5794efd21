import { describe, expect, it } from "@effect/vitest"
import { ServerConfig } from "@mooring/mcp"
import { Redacted } from "effect"

describe("ServerConfig.bearer", () => {
  it("puts the scheme before a token, and hides both", () => {
    for (const token of ["t0ken", Redacted.make("t0ken")]) {
      const header = ServerConfig.bearer(token)
      expect(Redacted.value(header)).toBe("Bearer t0ken")
      expect(String(header)).not.toContain("t0ken")
      expect(ServerConfig.secrets({ url: "https://x.example", headers: { Authorization: header } })).toEqual([
        "Bearer t0ken"
      ])
    }
  })
})
