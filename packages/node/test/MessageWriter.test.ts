import { describe, expect, it } from "@effect/vitest"
import type { McpTransport } from "@mooring/mcp"
import * as Effect from "effect/Effect"
import { Buffer } from "node:buffer"
import { Writable } from "node:stream"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { MessageWriter } from "../src/MessageWriter.js"

const pipe = (options: { readonly room: number }) => {
  const writes: Array<string> = []
  const waiting: Array<() => void> = []
  const stream = new Writable({
    highWaterMark: options.room,
    decodeStrings: false,
    write: (chunk: string, _, done) => {
      writes.push(chunk)
      waiting.push(done)
    }
  })
  return { stream, writes, accept: () => waiting.shift()?.() }
}

const outgoing = (id: number, more: Record<string, unknown> = {}) => {
  const failures: Array<McpTransport.TransportFailure> = []
  const message = { jsonrpc: "2.0", id, method: "m", params: more } as const
  return {
    message,
    handedOver: false,
    failures,
    failed: (failure: McpTransport.TransportFailure) => failures.push(failure)
  }
}

setFlagsFromString("--expose-gc")
/** Collects what nobody holds any more. */
const collect: () => void = runInNewContext("gc")

const limits = { messageBytes: 8 * 1024 * 1024, inFlightBytes: 8 * 1024 * 1024 }

const turn = Effect.async<void>((resume) => void setImmediate(() => resume(Effect.void)))

describe("a message writer", () => {
  it.live("writes the messages of one turn together, also those of the promise jobs in it", () =>
    Effect.gen(function* () {
      const { stream, writes } = pipe({ room: 1024 })
      const writer = new MessageWriter(stream, limits)
      const all = [outgoing(1), outgoing(2), outgoing(3)]
      yield* Effect.promise(async () => {
        for (const one of all) {
          writer.send(one)
          await Promise.resolve()
        }
      })
      yield* turn
      expect(writes).toEqual([all.map(({ message }) => `${JSON.stringify(message)}\n`).join("")])
      expect(all.every(({ handedOver }) => handedOver)).toBe(true)
    })
  )

  it.live("does not write what was given up while it waited", () =>
    Effect.gen(function* () {
      const { stream, writes } = pipe({ room: 1024 })
      const writer = new MessageWriter(stream, limits)
      const given = { ...outgoing(1), abandoned: true }
      const kept = outgoing(2)
      writer.send(given)
      writer.send(kept)
      yield* turn
      expect(writes).toEqual([`${JSON.stringify(kept.message)}\n`])
      expect([given.handedOver, given.failures]).toEqual([false, []])
    })
  )

  it.live("holds back what the pipe has no room for, with one listener however many wait", () =>
    Effect.gen(function* () {
      const { accept, stream, writes } = pipe({ room: 1 })
      const listeners = stream.listenerCount("drain")
      const writer = new MessageWriter(stream, limits)
      const first = outgoing(1)
      writer.send(first)
      yield* turn
      const later = Array.from({ length: 100 }, (_, i) => outgoing(i + 2))
      for (const one of later) writer.send(one)
      yield* turn
      expect(first.handedOver).toBe(true)
      expect(later.some(({ handedOver }) => handedOver)).toBe(false)
      expect(stream.listenerCount("drain")).toBe(listeners + 1)
      accept()
      yield* turn
      expect(later.every(({ handedOver }) => handedOver)).toBe(true)
      expect(writes).toHaveLength(2)
    })
  )

  it.live("lets go of what was given up while the pipe has no room, and keeps the rest in its order", () =>
    Effect.gen(function* () {
      const { accept, stream, writes } = pipe({ room: 1 })
      const writer = new MessageWriter(stream, limits)
      writer.send(outgoing(0))
      yield* turn
      // As when the server reads nothing, and one caller after another gives up: each but every hundredth here.
      const released = new Set<number>()
      const gone = new FinalizationRegistry<number>((id) => released.add(id))
      const give = (id: number) => {
        const one = { ...outgoing(id), abandoned: false }
        gone.register(one, id)
        writer.send(one)
        one.abandoned = id % 100 !== 0
      }
      for (let id = 1; id <= 10_000; id++) give(id)
      while (released.size < 9000) {
        collect()
        yield* turn
      }
      while (writes.length < 2) {
        accept()
        yield* turn
      }
      while (stream.writableLength > 0) {
        accept()
        yield* turn
      }
      const ids = writes
        .join("")
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line).id)
      expect(ids).toEqual(Array.from({ length: 101 }, (_, i) => 100 * i))
    })
  )

  it.live("splits a large batch over several writes, and no message over two", () =>
    Effect.gen(function* () {
      const { stream, writes } = pipe({ room: 10_000_000 })
      const writer = new MessageWriter(stream, limits)
      for (let id = 0; id < 10; id++) writer.send(outgoing(id, { text: "x".repeat(20_000) }))
      yield* turn
      expect(stream.writableLength).toBeGreaterThan(200_000)
      expect(writes[0]?.endsWith("\n")).toBe(true)
      expect(writes[0]?.length).toBeLessThan(64 * 1024 + 21_000)
    })
  )

  it.live("fails a message that is no JSON, and hands over its neighbours", () =>
    Effect.gen(function* () {
      const { stream } = pipe({ room: 1024 })
      const writer = new MessageWriter(stream, limits)
      const [before, unfit, after] = [outgoing(1), outgoing(2, { big: 1n }), outgoing(3)]
      for (const one of [before, unfit, after]) writer.send(one)
      yield* turn
      expect([before.handedOver, unfit.handedOver, after.handedOver]).toEqual([true, false, true])
      expect(unfit.failures).toMatchObject([{ delivery: "NotSent", fatal: false }])
    })
  )

  it.live("fails at once what is longer than a message may be, in bytes and not in characters", () =>
    Effect.gen(function* () {
      const { stream, writes } = pipe({ room: 1024 })
      const bytes = (message: unknown) => Buffer.byteLength(JSON.stringify(message))
      const [fits, unfit] = [outgoing(1, { text: "é€𝄞" }), outgoing(2, { text: "é€𝄞x" })]
      const writer = new MessageWriter(stream, { ...limits, messageBytes: bytes(fits.message) })
      for (const one of [fits, unfit]) writer.send(one)
      expect(unfit.failures).toMatchObject([{ delivery: "NotSent", fatal: false, unfit: true }])
      yield* turn
      expect([fits.handedOver, unfit.handedOver, writes.length]).toEqual([true, false, 1])
    })
  )

  it.live("lets go of what was given up, and ends for a pipe for which too much waits", () =>
    Effect.gen(function* () {
      const { accept, stream, writes } = pipe({ room: 1 })
      const writer = new MessageWriter(stream, limits)
      writer.send(outgoing(0))
      yield* turn
      const large = (id: number) => outgoing(id, { text: "x".repeat(500_000) })
      const given: Array<{ abandoned: boolean; readonly failures: ReadonlyArray<unknown> }> = []
      for (let id = 1; id < 1000; id++) {
        const one = { ...large(id), abandoned: false }
        writer.send(one)
        one.abandoned = true
        given.push(one)
      }
      expect(given.flatMap(({ failures }) => failures)).toEqual([])
      const kept = Array.from({ length: 17 }, (_, i) => large(1000 + i))
      for (const one of kept) writer.send(one)
      const failures = kept.flatMap((one) => one.failures)
      expect(failures).toMatchObject([{ delivery: "NotSent", fatal: true }])
      expect(kept.at(-1)?.failures).toEqual(failures)
      for (let i = 0; i < 20; i++) {
        accept()
        yield* turn
      }
      expect(kept.map(({ handedOver }) => handedOver)).toEqual([...Array.from({ length: 16 }, () => true), false])
      expect(writes).toHaveLength(17)
    })
  )

  it.live("hands nothing over once it was stopped or its pipe has broken", () =>
    Effect.gen(function* () {
      for (const end of [
        (writer: MessageWriter) => writer.stop(),
        (_: MessageWriter, stream: Writable) => stream.destroy()
      ]) {
        const { stream, writes } = pipe({ room: 1024 })
        const writer = new MessageWriter(stream, limits)
        const [early, late] = [outgoing(1), outgoing(2)]
        writer.send(early)
        end(writer, stream)
        writer.send(late)
        yield* turn
        expect([early.handedOver, late.handedOver, writes]).toEqual([false, false, []])
      }
    })
  )
})
