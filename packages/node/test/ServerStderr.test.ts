import { describe, expect, it } from "@effect/vitest"
import { ServerKey } from "@mooring/mcp"
import { ServerStderr } from "@mooring/node"
import * as Chunk from "effect/Chunk"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FiberStatus from "effect/FiberStatus"
import * as Stream from "effect/Stream"

const server = ServerKey.shared("one")
const line = (i: number): ServerStderr.Line => ({ server, pid: 1, text: `line ${i}` })

const publishing = (hub: ServerStderr.Hub, from: number, to: number) => {
  for (let i = from; i < to; i++) hub.publish(line(i))
}

/** Goes on when the fiber waits: a reader has begun then. */
const untilWaiting = <A, E>(fiber: Fiber.RuntimeFiber<A, E>) =>
  Effect.repeat(Effect.zipRight(Effect.yieldNow(), Fiber.status(fiber)), {
    until: (status) => FiberStatus.isSuspended(status)
  })

describe("the stderr of servers", () => {
  it.effect("is given to every reader, each from when it began", () =>
    Effect.gen(function* () {
      const hub = yield* ServerStderr.ServerStderr
      publishing(hub, 0, 10)
      const first = yield* Effect.fork(Stream.runCollect(Stream.take(ServerStderr.lines, 3)))
      yield* untilWaiting(first)
      publishing(hub, 10, 12)
      const second = yield* Effect.fork(Stream.runCollect(Stream.take(ServerStderr.lines, 1)))
      yield* untilWaiting(second)
      publishing(hub, 12, 20)
      expect(Chunk.toReadonlyArray(yield* Fiber.join(first))).toEqual([10, 11, 12].map(line))
      expect(Chunk.toReadonlyArray(yield* Fiber.join(second))).toEqual([12].map(line))
    }).pipe(Effect.provide(ServerStderr.layer))
  )

  it.effect("does not wait for a slow reader, who loses the oldest lines", () =>
    Effect.gen(function* () {
      const hub = ServerStderr.make()
      const busy = yield* Deferred.make<void>()
      const read: Array<string> = []
      const reader = yield* hub.lines.pipe(
        Stream.runForEach(({ text }) => {
          read.push(text)
          return Deferred.await(busy)
        }),
        Effect.fork
      )
      yield* untilWaiting(reader)
      publishing(hub, 0, 1)
      while (read.length === 0) yield* Effect.yieldNow()
      publishing(hub, 1, 100_000)
      expect(read).toEqual(["line 0"])
      yield* Deferred.succeed(busy, undefined)
      while (read.at(-1) !== "line 99999") yield* Effect.yieldNow()
      expect(read).toHaveLength(1 + ServerStderr.capacity)
      expect(read[1]).toBe(`line ${100_000 - ServerStderr.capacity}`)
      yield* Fiber.interrupt(reader)
    })
  )

  it.effect("is one for the process unless a layer says otherwise", () =>
    Effect.gen(function* () {
      const common = yield* ServerStderr.ServerStderr
      expect(yield* ServerStderr.ServerStderr).toBe(common)
      expect(yield* Effect.provide(ServerStderr.ServerStderr, ServerStderr.layer)).not.toBe(common)
    })
  )
})
