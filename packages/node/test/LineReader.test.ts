import { describe, expect, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"
import * as Effect from "effect/Effect"
import { vi } from "vitest"
import { LineReader } from "../src/LineReader.js"

const reading = (limit: number) => {
  const lines: Array<string> = []
  let tooLong = 0
  const reader = new LineReader({ limit, onLine: (line) => lines.push(line), onTooLong: () => tooLong++ })
  return { lines, reader, tooLong: () => tooLong }
}

/** Cuts `bytes` at the given places. */
const cut = (bytes: Buffer, places: ReadonlyArray<number>): ReadonlyArray<Buffer> => {
  const sorted = [0, ...places.map((place) => place % (bytes.length + 1)), bytes.length].sort((a, b) => a - b)
  return sorted.slice(1).map((end, i) => bytes.subarray(sorted[i], end))
}

describe("a line reader", () => {
  it.effect.prop(
    "gives the same lines however the bytes fall into chunks",
    [FastCheck.string({ unit: "binary", maxLength: 200 }), FastCheck.array(FastCheck.nat(), { maxLength: 30 })],
    ([text, places]) =>
      Effect.sync(() => {
        const { lines, reader } = reading(10_000)
        for (const chunk of cut(Buffer.from(text), places)) reader.push(chunk)
        const last = reader.end()
        const expected = text.split("\n")
        const rest = expected.pop() ?? ""
        expect(lines).toEqual(expected)
        expect(last).toBe(rest === "" ? undefined : rest)
      })
  )

  it("does not give what it was fed after it stopped", () => {
    const { lines, reader } = reading(10)
    reader.push(Buffer.from("a\nb"))
    reader.stop()
    reader.push(Buffer.from("c\nd\n"))
    expect(lines).toEqual(["a"])
    expect(reader.end()).toBeUndefined()
  })

  it("stops within a chunk when told so by what takes its lines", () => {
    const lines: Array<string> = []
    const reader: LineReader = new LineReader({
      limit: 10,
      onLine: (line) => {
        lines.push(line)
        if (line === "b") reader.stop()
      },
      onTooLong: () => lines.push("too long")
    })
    reader.push(Buffer.from("a\nb\nc\nddddddddddddddddddddd"))
    expect(lines).toEqual(["a", "b"])
  })

  it.each([[[10]], [[11]], [[5, 5]], [[5, 6]]])(
    "counts a line against its limit in bytes, over chunks (%j)",
    (sizes) => {
      const { lines, reader, tooLong } = reading(10)
      for (const size of sizes) reader.push(Buffer.alloc(size, "x"))
      reader.push(Buffer.from("\nnext\n"))
      const fits = sizes.reduce((a, b) => a + b, 0) <= 10
      expect(tooLong()).toBe(fits ? 0 : 1)
      expect(lines).toEqual(fits ? ["x".repeat(10), "next"] : [])
    }
  )

  it("copies each byte of a long line only a few times, though it comes in small pieces", () => {
    const { lines, reader } = reading(10_000_000)
    const piece = Buffer.alloc(100, "x")
    const copy = vi.spyOn(Buffer.prototype, "copy")
    for (let i = 0; i < 10_000; i++) reader.push(piece)
    let copied = 0
    for (const { value } of copy.mock.results) copied += Number(value)
    copy.mockRestore()
    reader.push(Buffer.from("\n"))
    expect(lines[0]).toHaveLength(1_000_000)
    // Once from its piece, and at most once more in all for each time that there is twice as much.
    expect(copied).toBeGreaterThanOrEqual(1_000_000)
    expect(copied).toBeLessThan(3 * 1_000_000)
  })
})
