import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { brotliCompressSync, deflateSync, gzipSync } from "node:zlib"
import * as Asking from "./fixtures/Asking.js"
import * as RawServer from "./fixtures/RawServer.js"

const { answer } = RawServer

describe("a response that is compressed", () => {
  const text = "é∞x".repeat(200_000)
  const encodings = [
    ["gzip", gzipSync],
    ["deflate", deflateSync],
    ["br", brotliCompressSync]
  ] as const
  const compressed = (encoding: string, bytes: Buffer, length = bytes.length) =>
    Buffer.concat([
      Buffer.from(`HTTP/1.1 200 OK\r\ncontent-encoding: ${encoding}\r\ncontent-length: ${length}\r\n\r\n`),
      bytes
    ])

  it.scopedLive("is decompressed, one beside the other, each no faster than it is read", () =>
    Effect.gen(function* () {
      const server = yield* RawServer.open({
        request: ({ body }, socket) => {
          const [name, compress] = encodings[Number(body) % 3] ?? encodings[0]
          socket.write(compressed(name, compress(`${body} ${text}`)))
        }
      })
      const sockets = yield* Asking.open(server.origin, { decompresses: true })
      const all = yield* Effect.promise(() =>
        Promise.all(Asking.numbers(12).map((body) => Asking.ask(sockets, body).isGone))
      )
      for (const [n, { body, wrong }] of all.entries()) {
        expect(wrong).toEqual([])
        expect(body === `${n} ${text}`).toBe(true)
      }
      expect(yield* Asking.inTurn(sockets, 3)).toEqual(Asking.numbers(3).map((body) => `${body} ${text}`))
    })
  )

  it.scopedLive.each(encodings)("may be empty, and whatever follows what %s ends with is nothing", ([name, compress]) =>
    Effect.gen(function* () {
      const garbage = Buffer.alloc(300_000)
      const whole = compress("whole")
      const server = yield* RawServer.open({
        request: ({ body }, socket) => {
          if (body === "empty") socket.write(compressed(name, Buffer.alloc(0)))
          else if (body === "cut") socket.write(compressed(name, whole.subarray(0, -3)))
          else {
            socket.write(compressed(name, Buffer.concat([whole, Buffer.alloc(8)]), whole.length + 8 + garbage.length))
            setTimeout(() => void (socket.destroyed || socket.write(garbage)), 5)
          }
        }
      })
      const sockets = yield* Asking.open(server.origin, { decompresses: true })
      expect(yield* Asking.outcome(sockets, "empty")).toBe("")
      expect(yield* Asking.outcome(sockets, "garbage")).toBe("whole")
      expect(yield* Asking.outcome(sockets, "cut")).toBe("cutOff once sent")
      expect(server.accepted()).toBe(1)
    })
  )

  it.scopedLive(
    "can be aborted while it is being decompressed, by which its socket, another's by then, is not touched",
    () =>
      Effect.gen(function* () {
        const bytes = gzipSync(Buffer.alloc(64 << 20))
        const server = yield* RawServer.open({
          request: ({ body }, socket) => void socket.write(body === "big" ? compressed("gzip", bytes) : answer(body))
        })
        const sockets = yield* Asking.open(server.origin, { decompresses: true })
        for (let n = 0; n < 5; n++) {
          const big = Asking.ask(sockets, "big", {
            data: (asked) => void (asked.bytes > n * 1_000_000 && asked.abort())
          })
          const { told, wrong } = yield* Effect.promise(() => big.isGone)
          expect(wrong).toEqual([])
          expect(told.at(-1)).toBe("gone")
          expect(told).not.toContain("end")
          expect(yield* Asking.inTurn(sockets, 3)).toEqual(Asking.numbers(3))
        }
      })
  )
})
