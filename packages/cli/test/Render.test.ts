import { describe, expect, it } from "@effect/vitest"
import * as Help from "../src/Help.js"
import * as Render from "../src/Render.js"
import { firstLine, plain } from "../src/SafeText.js"
import { commands, optionsOf } from "../src/CommandLine.js"

describe("Render", () => {
  it("columns stand one below the other, without trailing spaces", () => {
    expect(
      Render.columns([
        ["a", "long", "x"],
        ["bbb", "s", ""]
      ])
    ).toBe("a    long  x\nbbb  s")
  })

  it("a tool's arguments are shown with types, required ones with a star", () => {
    const text = Render.toolDetails([
      {
        name: "echo",
        description: "Says it back\nand more",
        inputSchema: {
          type: "object",
          properties: { message: { type: "string", description: "What to say" }, loud: { type: "boolean" }, free: {} },
          required: ["message"]
        }
      },
      { name: "bare", inputSchema: { type: "object" } }
    ])
    expect(text).toBe(
      "echo\n  Says it back\n  message*  string   What to say\n  loud      boolean\n  free      any\n\nbare"
    )
  })

  it("text of an answer is kept to the letter; what is no text is named", () => {
    expect(Render.answer({ content: [{ type: "text", text: "  a \u001b[1m" }] })).toBe("  a \u001b[1m")
    expect(
      Render.answer({
        content: [
          { type: "image", data: "AAAA", mimeType: "image/png" },
          { type: "resource_link", uri: "file:///x", name: "x" },
          { type: "resource", resource: { uri: "file:///y", text: "y" } },
          { type: "resource", resource: { uri: "file:///z", blob: "AAAA" } }
        ]
      })
    ).toBe(
      "[image, image/png, 3 bytes; --output json shows it]\n[link to file:///x]\ny\n[resource file:///z, 3 bytes; --output json shows it]"
    )
  })

  it("structured content is shown where there is nothing else", () => {
    expect(Render.answer({ content: [], structuredContent: { a: 1 } })).toBe('{\n  "a": 1\n}')
  })
})

describe("SafeText", () => {
  it("takes out escape sequences and control characters", () => {
    expect(plain("a\u001b[31mb\u001b]0;title\u0007c\u0000d\u009be\tf\r\ng\rh")).toBe("abcde\tf\ngh")
  })

  it("gives the first line, cut to size", () => {
    expect(firstLine("\n  abc  \ndef", 10)).toBe("abc")
    expect(firstLine("abcdef", 4)).toBe("abc…")
  })
})

describe("Help", () => {
  it("names every command, every option and the exit codes", () => {
    const text = Help.overview("1.2.3")
    expect(text).toContain("mooring 1.2.3")
    for (const command of Object.values(commands)) {
      expect(text).toContain(command.summary)
      for (const option of optionsOf(command)) expect(Help.of(command)).toContain(`--${option.name}`)
    }
    expect(text).toContain("Exit codes")
  })

  it("fits a terminal of 120 columns", () => {
    for (const text of [Help.overview("1.2.3"), ...Object.values(commands).map(Help.of)]) {
      for (const line of text.split("\n")) expect(line.length).toBeLessThanOrEqual(120)
    }
  })
})
