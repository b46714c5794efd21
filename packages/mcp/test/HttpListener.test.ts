import { describe, expect, it } from "@effect/vitest"
import { Effect, TestClock } from "effect"
import type { Flown } from "./FakeCarrier.js"
import { events, initialized, json, opened, settings } from "./OpenedHttp.js"

/** A transport whose streams of events a test answers, after the handshake. */
const listening = (arrived: (flown: Flown) => void = () => {}) =>
  Effect.gen(function* () {
    const streams: Array<Flown> = []
    const { heard, send, transport } = yield* opened((flown) => {
      if (flown.request.method !== "GET") return flown.respond(202, json).end()
      streams.push(flown)
      return arrived(flown)
    })
    const listen = () => {
      const hears = transport.listen?.() ?? expect.unreachable("HTTP has a stream of its own")
      const state = { ready: 0, stop: hears.stop }
      hears.onReady(() => state.ready++)
      return state
    }
    const shakeHands = Effect.sync(() => send(initialized))
    return { streams, heard, listen, shakeHands }
  }).pipe(Effect.provide(settings({ reopen: { first: "1 second", longest: "30 seconds", attempts: 3 } })))

const settle = TestClock.adjust(0)

describe("the stream of what a server says by itself, where somebody wants it", () => {
  it.scoped("is opened once for all who do, when the handshake is done, and closed with the last", () =>
    Effect.gen(function* () {
      const { listen, shakeHands, streams } = yield* listening()
      const first = listen()
      yield* settle
      expect(streams).toHaveLength(0)
      yield* shakeHands
      yield* settle
      const second = listen()
      expect([streams.length, first.ready, second.ready]).toEqual([1, 0, 0])
      streams[0]?.respond(200, events)
      expect([first.ready, second.ready, listen().ready]).toEqual([1, 1, 1])
    })
  )

  it.scoped("is closed when nobody wants it any more, and opened anew for the next", () =>
    Effect.gen(function* () {
      const { heard, listen, shakeHands, streams } = yield* listening((flown) => flown.respond(200, events))
      yield* shakeHands
      const [first, second] = [listen(), listen()]
      yield* settle
      first.stop()
      first.stop()
      yield* settle
      expect(streams.map(({ aborted }) => aborted)).toEqual([false])
      second.stop()
      yield* settle
      expect(streams.map(({ aborted }) => aborted)).toEqual([true])
      yield* TestClock.adjust("1 minute")
      expect(streams).toHaveLength(1)
      const third = listen()
      yield* settle
      expect([streams.length, third.ready, heard.closed]).toEqual([2, 1, []])
    })
  )

  it.scoped("that breaks off is told as missed when it is there again, or will not be", () =>
    Effect.gen(function* () {
      const { heard, listen, shakeHands, streams } = yield* listening((flown) => flown.respond(200, events))
      yield* shakeHands
      listen()
      yield* settle
      expect(heard.missed).toBe(0)
      streams[0]?.end()
      yield* settle
      expect([streams.length, heard.missed]).toEqual([1, 0])
      yield* TestClock.adjust("2 seconds")
      expect([streams.length, heard.missed]).toEqual([2, 1])
      for (let n = 0; n < 5; n++) {
        streams.at(-1)?.end()
        yield* TestClock.adjust("30 seconds")
      }
      expect(streams.length).toBeLessThan(6)
      expect(heard.missed).toBe(streams.length)
    })
  )

  it.scoped(
    "is waited for no longer where the server does not have it, or is not asked for in vain by who stopped",
    () =>
      Effect.gen(function* () {
        const { heard, listen, shakeHands, streams } = yield* listening()
        yield* shakeHands
        const [waits, stopped] = [listen(), listen()]
        yield* settle
        stopped.stop()
        streams[0]?.respond(405, {}).end()
        yield* settle
        expect([waits.ready, stopped.ready, heard.missed, heard.closed]).toEqual([1, 0, 0, []])
      })
  )

  it.scoped("is asked for again when the server still has an earlier one open", () =>
    Effect.gen(function* () {
      let answers = 0
      const { listen, shakeHands } = yield* listening((flown) => {
        if (++answers === 1) flown.respond(409, {}).end()
        else flown.respond(200, events)
      })
      yield* shakeHands
      const waits = listen()
      yield* TestClock.adjust("5 seconds")
      expect([answers, waits.ready]).toEqual([2, 1])
    })
  )
})
