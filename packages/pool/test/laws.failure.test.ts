import { FastCheck as fc } from "effect"
import { describe } from "@effect/vitest"
import { law } from "./lab/Law.js"

const small = fc.integer({ min: 1, max: 2 })
const failing = { NextConnect: 30, Acquire: 30, Advance: 24 }

describe("the pool bears failures", () => {
  law(20, "an item is checked before it is lent exactly when it has not answered for long", {
    pool: { validates: fc.constant(true), keys: small },
    key: { bypassMs: fc.constantFrom(0, 100, 500), max: small },
    weights: { NextProbe: 10, Alive: 10, Advance: 24, Release: 24 }
  })

  law(21, "waiters never cause more attempts than are needed, or allowed, at once", {
    key: { max: fc.integer({ min: 1, max: 4 }), maxConnecting: small, connectWeight: small },
    pool: {
      keys: fc.constant(3),
      maxConnecting: fc.integer({ min: 1, max: 4 }),
      connectTakesMs: fc.constantFrom(0, 90, 250)
    },
    weights: { ...failing, Cancel: 10 }
  })

  law(22, "after a failure the next attempt comes after a pause, and within it", {
    key: { max: small, breakerThreshold: fc.constantFrom(2, 6), acquireMs: fc.constantFrom(1_000, 5_000) },
    weights: failing
  })

  law(23, "a failure reaches those it is meant for, and nobody who came later", {
    key: { max: small, breakerThreshold: fc.constantFrom(2, 3, 6) },
    weights: failing
  })

  law(24, "who stops waiting neither ends the attempt that he caused nor throws away what comes of it", {
    pool: { connectTakesMs: fc.constantFrom(30, 90, 250) },
    weights: { Cancel: 24, Acquire: 40, Drain: 0, Close: 0 }
  })

  law(25, "a hang costs one slot until its deadline, is counted, and is closed if it ever comes back", {
    key: { max: small },
    pool: { validates: fc.boolean() },
    weights: { NextConnect: 20, NextClose: 14, NextProbe: 6, Thaw: 6, Invalidate: 8, Advance: 24 }
  })

  law(26, "the pool's own overload opens no circuit", {
    key: { max: fc.constant(1), maxWaiters: fc.integer({ min: 0, max: 2 }), acquireMs: fc.constant(400) },
    weights: { Acquire: 50, Advance: 20, NextConnect: 6, Release: 8 }
  })
})
