import { describe, expect, it } from "@effect/vitest"
import { Redaction } from "@mooring/mcp"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import { vi } from "vitest"
import { StderrTail } from "../src/StderrTail.js"

const secret = FastCheck.stringMatching(/^[a-zA-Z0-9+/=_. -]{8,40}$/).filter((text) => text.trim().length >= 8)

describe("the tail of stderr", () => {
  const tailOf = (secrets: ReadonlyArray<string>) => {
    const lines: Array<string> = []
    return { lines, tail: new StderrTail(Redaction.make(secrets), (line) => lines.push(line)) }
  }

  it("keeps the last 20 lines and 4 KiB, and what has come of the next line", () => {
    const { tail } = tailOf([])
    tail.push(Buffer.from(Array.from({ length: 30 }, (_, i) => `line ${i}\n`).join("") + "half"))
    expect(tail.text().split("\n")).toEqual([...Array.from({ length: 19 }, (_, i) => `line ${i + 11}`), "half"])
    tail.end()
    expect(tail.text().endsWith("line 29\nhalf")).toBe(true)
    tail.push(Buffer.from(`${"y".repeat(9000)}\n`))
    expect(tail.text()).toBe("y".repeat(4096))
  })

  it("looks at each character once, though a line comes in small pieces", () => {
    const { lines, tail } = tailOf([])
    const split = vi.spyOn(String.prototype, "split")
    for (let i = 0; i < 10_000; i++) tail.push(Buffer.from("x"))
    const seen = split.mock.contexts.reduce<number>((sum, text) => sum + String(text).length, 0)
    split.mockRestore()
    tail.push(Buffer.from("\n"))
    expect(seen).toBe(10_000)
    expect(lines).toEqual(["x".repeat(4096)])
  })

  it.effect.prop(
    "never shows a secret, nor a piece of one at its cuts, however the text is cut into chunks",
    [secret, FastCheck.integer({ min: 0, max: 20_000 }), FastCheck.integer({ min: 50, max: 20_000 })],
    ([hidden, before, size]) =>
      Effect.sync(() => {
        const { lines, tail } = tailOf([hidden])
        const bytes = Buffer.from(`${"#".repeat(before)}${hidden}${"#".repeat(100)}\n##\n`)
        // All else is #. The sign for a secret may be cut, since what is kept is.
        const check = (text: string) => expect(Redaction.replacement.endsWith(text.replace(/[#\s]/g, ""))).toBe(true)
        for (let i = 0; i < bytes.length; i += size) {
          tail.push(bytes.subarray(i, i + size))
          check(tail.text())
        }
        tail.end()
        check(tail.text())
        check(lines.join(""))
        if (before < 3000) expect(tail.text()).toBe(`${"#".repeat(before)}«redacted»${"#".repeat(100)}\n##`)
      })
  )
})
