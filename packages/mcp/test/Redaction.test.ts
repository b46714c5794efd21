import { Redaction } from "@mooring/mcp"
import { describe, expect, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"

const hidden = "«redacted»"

describe("what is secret", () => {
  it("is hidden in the forms in which a server may repeat it", () => {
    const { apply } = Redaction.make(["Bearer abc+def/ghi", 'quo"ted', "first line\r\n second line"])
    expect(apply("Bearer abc+def/ghi")).toBe(hidden)
    expect(apply("token abc+def/ghi, ?t=abc%2Bdef%2Fghi")).toBe(`token ${hidden}, ?t=${hidden}`)
    expect(apply('{"key":"quo\\"ted"}')).toBe(`{"key":"${hidden}"}`)
    expect(apply("> second line <")).toBe(`> ${hidden} <`)
    expect(apply('{"key":"first line\\r\\n second line"}')).toBe(`{"key":"${hidden}"}`)
  })

  it("is hidden as the libraries of other languages write it, too", () => {
    const { apply } = Redaction.make(["aB+/cd&e<f>'é\"(g) =="])
    for (const form of [
      String.raw`aB+\/cd&e<f>'\u00e9\"(g) ==`, // PHP
      String.raw`aB+/cd&e<f>'\u00e9\"(g) ==`, // Python, Ruby
      String.raw`aB+/cd\u0026e\u003cf\u003e'é\"(g) ==`, // Go
      String.raw`aB\u002B/cd\u0026e\u003Cf\u003E\u0027\u00E9\u0022(g) ==`, // .NET
      "aB%2b%2fcd%26e%3cf%3e%27%c3%a9%22%28g%29+%3d%3d", // .NET
      "aB%2B/cd%26e%3Cf%3E%27%C3%A9%22%28g%29%20%3D%3D" // Python
    ]) {
      expect(apply(`<${form}>`)).toBe(`<${hidden}>`)
    }
  })

  it("is hidden where it holds what a regular expression or a URL cannot", () => {
    for (const secret of ["a.b*c|(d", "[x]{2}$^", "back\\slash", "half \ud800 pair"]) {
      const { apply } = Redaction.make([secret])
      expect(apply(`<${secret}>`)).toBe(`<${hidden}>`)
      expect(apply(`<${encodeURIComponent(secret.replace("\ud800", "\ufffd"))}>`)).toBe(`<${hidden}>`)
    }
    expect(Redaction.make(["a.b*"]).apply("axb")).toBe("axb")
  })

  it("is hidden as the longer of two that begin alike; what is too short to be a secret stays", () => {
    const { apply } = Redaction.make(["abcd", "abcdefgh", "1", "", "dev"])
    expect(apply("abcdefgh abcd 1 dev")).toBe(`${hidden} ${hidden} 1 dev`)
  })

  it("is hidden though control characters cut it up, stand before it, or are part of it", () => {
    const { apply } = Redaction.make(["hunter22", "ab\u0001cd\u001b[1m"])
    expect(apply("hun\u001b[1mter\u0008" + "22")).toBe(hidden)
    expect(apply("\u001bhunter22 \u001b[hunter22")).not.toContain("nter22")
    expect(apply("ab\u0001cd\u001b[1m.")).toBe(`${hidden}.`)
  })
})

describe("what must not reach a terminal", () => {
  const { apply } = Redaction.make([])

  it("goes: colours, titles, links, the clipboard, control characters and marks of direction", () => {
    expect(apply("\u001b[31mred\u001b[0m\u0007\u202e\u2066\u0000")).toBe("red")
    expect(apply("\u001b]0;a title\u0007after")).toBe("after")
    expect(apply("\u001b]8;;http://x/\u001b\\label\u001b]8;;\u001b\\")).toBe("label")
    expect(apply("\u001b]52;c;aGk=\u009cx\u001bPq\u001b\\y\u001b(Bz\u001bc")).toBe("xyz")
    expect(apply("a\u001b[31mb\u001b]0;title\u0007c\u0000d\u009b1me\u0085f")).toBe("abcdef")
  })

  it("goes without the text around it: line ends, tabs, and what follows a string without an end", () => {
    expect(apply("a\tb\r\n\tc\rd\n")).toBe("a\tb\n\tcd\n")
    expect(apply("\u001b]0;title\nthe cause")).toBe("0;title\nthe cause")
    expect(apply("naïve «quotes» 日本 👋")).toBe("naïve «quotes» 日本 👋")
  })

  it("leaves nothing of itself, whatever it is mixed with", () => {
    const part = FastCheck.constantFrom(
      "\u001b",
      "[",
      "]",
      "0",
      ";",
      "m",
      "\\",
      "\u0007",
      "\u009b",
      "\u009c",
      "\u009d",
      " "
    )
    FastCheck.assert(
      FastCheck.property(FastCheck.array(part, { maxLength: 30 }), (parts) => {
        expect(apply(parts.join(""))).not.toMatch(/\p{Cc}/u)
      })
    )
  })
})

describe("text for an error", () => {
  const redaction = Redaction.make(["hunter22-hunter22"])

  it("is an excerpt of one line and of its length, never cut through a secret", () => {
    expect(Redaction.excerpt(redaction, "a\n  b\tc", 10)).toBe("a b c")
    expect(Redaction.excerpt(redaction, "x".repeat(50), 10)).toBe(`${"x".repeat(9)}…`)
    expect(Redaction.excerpt(redaction, `${" ".repeat(100)}x`, 10)).toBe("…")
    expect(Redaction.excerpt(redaction, "x".repeat(201))).toHaveLength(200)
    for (let at = 0; at < 60; at++) {
      expect(Redaction.excerpt(redaction, `${" ".repeat(at)}hunter22-hunter22 end`, 10)).not.toContain("hunt")
    }
  })

  it("is a passage with its lines, of its length, never cut through a secret", () => {
    expect(Redaction.passage(redaction, "a\n  b\tc", 10)).toBe("a\n  b\tc")
    expect(Redaction.passage(redaction, "x".repeat(5000))).toBe(`${"x".repeat(3999)}…`)
    expect(Redaction.passage(redaction, "x".repeat(4000))).toBe("x".repeat(4000))
    for (let at = 0; at < 60; at++) {
      expect(Redaction.passage(redaction, `${"\u0000".repeat(at)}hunter22-hunter22 end`, 10)).not.toContain("hunt")
    }
  })

  it("is cut with a sign of it, and not through a character", () => {
    expect(Redaction.cut("abcd", 4)).toBe("abcd")
    expect(Redaction.cut("abcde", 4)).toBe("abc…")
    expect(Redaction.cut("ab cde", 4)).toBe("ab…")
    expect(Redaction.cut("ab👋de", 4)).toBe("ab…")
  })

  it("is held back from where it may be the beginning of a secret", () => {
    expect(redaction.partialAtEnd("hunt")).toBe(4)
    expect(redaction.partialAtEnd("a hunter22-hunter22")).toBe("hunter22-hunter22".length)
    expect(redaction.partialAtEnd("a hunter23")).toBe(0)
    expect(Redaction.make([]).partialAtEnd("hunt")).toBe(0)
  })
})
