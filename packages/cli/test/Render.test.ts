import { describe, expect, it } from "@effect/vitest"
import * as Help from "../src/Help.js"
import * as Render from "../src/Render.js"
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

  it("the values that an argument may have are shown, a long list cut", () => {
    const text = Render.toolDetails([
      {
        name: "paint",
        inputSchema: {
          type: "object",
          properties: {
            colour: { type: "string", enum: ["red", "blue\u001b[1m"], description: "Of the hull" },
            sides: { type: "array", items: { enum: ["port"] } },
            berth: { enum: Array.from({ length: 22 }, (_, i) => i) }
          }
        }
      }
    ])
    expect(text).toContain('colour  string  one of "red", "blue\\u001b[1m"; Of the hull\n')
    expect(text).toContain('sides   array   one of "port"\n')
    expect(text).toMatch(/berth {3}number {2}one of 0, 1, .*19, and 2 more$/)
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

  it("a description is shown by its first line, cut to size and without escape sequences", () => {
    const details = (description: string) =>
      Render.toolDetails([{ name: "x", description, inputSchema: { type: "object" } }])
    expect(details("\n  a\u001b[1mbc  \ndef")).toBe("x\n  abc")
    expect(details("y".repeat(201))).toBe(`x\n  ${"y".repeat(199)}…`)
  })

  it("structured content is shown where there is nothing else", () => {
    expect(Render.answer({ content: [], structuredContent: { a: 1 } })).toBe('{\n  "a": 1\n}')
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

  it("the demo, which needs no configuration, does not offer to take one", () => {
    expect(Help.of(commands.demo)).not.toContain("--config")
    expect(Help.of(commands.ping)).toContain("--config FILE")
  })

  it("fits a terminal of 120 columns", () => {
    for (const text of [Help.overview("1.2.3"), ...Object.values(commands).map(Help.of)]) {
      for (const line of text.split("\n")) expect(line.length).toBeLessThanOrEqual(120)
    }
  })
})
