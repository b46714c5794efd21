import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as Redaction from "../src/Redaction.js"
import { StderrTail } from "../src/StderrTail.js"

const secret = FastCheck.stringMatching(/^[a-zA-Z0-9+/=_. -]{8,40}$/).filter((text) => text.trim().length >= 8)

describe("redaction", () => {
  it("hides a secret in the forms in which a server may repeat it", () => {
    const { apply } = Redaction.make(["Bearer abc+def/ghi", 'quo"ted', "first line\nsecond line"])
    expect(apply("Bearer abc+def/ghi")).toBe("«redacted»")
    expect(apply("token abc+def/ghi, ?t=abc%2Bdef%2Fghi")).toBe("token «redacted», ?t=«redacted»")
    expect(apply('{"key":"quo\\"ted"}')).toBe('{"key":"«redacted»"}')
    expect(apply("> second line <")).toBe("> «redacted» <")
  })

  it("hides the longer of two secrets that begin alike, and leaves what is too short to be one", () => {
    const { apply } = Redaction.make(["abcd", "abcdefgh", "1", ""])
    expect(apply("abcdefgh abcd 1 code 1")).toBe("«redacted» «redacted» 1 code 1")
  })

  it("takes out colours, control characters and marks of direction, but no tabs and line ends", () => {
    const { apply } = Redaction.make([])
    expect(apply("\u001b[31mred\u001b[0m\u0007\r\n\tnext\u202e\u0000")).toBe("red\n\tnext")
    expect(apply("\u001b]0;title\u0007after")).toBe("after")
  })

  it("hides a secret that control characters cut up", () => {
    expect(Redaction.make(["hunter22"]).apply("hun\u001b[1mter\u0008" + "22")).toBe("«redacted»")
  })

  it("cuts an excerpt to one line of its length, and never through a secret", () => {
    const redaction = Redaction.make(["hunter22-hunter22"])
    expect(Redaction.excerpt(redaction, "a\n  b\tc", 10)).toBe("a b c")
    expect(Redaction.excerpt(redaction, "x".repeat(50), 10)).toBe(`${"x".repeat(9)}…`)
    for (let at = 0; at < 60; at++) {
      expect(Redaction.excerpt(redaction, `${" ".repeat(at)}hunter22-hunter22 end`, 10)).not.toContain("hunt")
    }
  })
})

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
