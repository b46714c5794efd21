import { FastCheck as fc } from "effect"
import { describe } from "@effect/vitest"
import { law } from "./lab/Law.js"

const small = fc.integer({ min: 1, max: 2 })

describe("the pool keeps its callers going", () => {
  law(11, "nobody overtakes, except that shares may pass who waits for a whole item", {
    key: { max: small, concurrency: fc.integer({ min: 1, max: 2 }) },
    pool: { keys: small },
    how: fc.constantFrom("use", "use", "lease", "exclusive"),
    weights: { Acquire: 40, Cancel: 12, Release: 20 }
  })

  law(12, "what comes free goes to who waits for it while the clock stands still", {
    key: { max: small, maxWaiters: fc.constant(8) },
    weights: { Discard: 10, NextConnect: 10, NextClose: 8, Resize: 6, Suspend: 4, Resume: 6, Drain: 4, Thaw: 2 }
  })

  law(12, "who waits for a key that is refreshed is served anew at once, whatever is still held and whatever failed", {
    key: { max: small, maxWaiters: fc.constant(8) },
    weights: { Refresh: 12, NextConnect: 14, Acquire: 40, Release: 8 }
  })

  law(13, "a key that cannot grow elsewhere takes the place of what idles, and delays nobody else", {
    key: { max: fc.integer({ min: 1, max: 2 }) },
    pool: { keys: fc.constant(3), maxTotal: fc.integer({ min: 1, max: 3 }), quota: fc.constantFrom(0, 0, 1, 2) },
    weights: { Acquire: 40, Release: 24, NextConnect: 4 }
  })

  law(13, "what is kept makes room only where nothing else can", {
    key: { max: fc.integer({ min: 1, max: 2 }) },
    pool: { keys: fc.constant(3), maxTotal: fc.integer({ min: 2, max: 4 }), quota: fc.constantFrom(0, 0, 2) },
    weights: { Keep: 14, LetGo: 3, Acquire: 36, Release: 28, Refresh: 1, NextConnect: 2 }
  })

  law(14, "every acquire ends by its deadline, to the millisecond, with a lease or the right error", {
    key: { max: small, acquireMs: fc.constantFrom(100, 400, 650, 1_000), maxWaiters: fc.constant(8) },
    pool: { connectTakesMs: fc.constantFrom(0, 90, 250), validates: fc.boolean() },
    weights: { Suspend: 4, NextConnect: 14, NextProbe: 6, Advance: 20 },
    advance: fc.constantFrom(1, 50, 99, 100, 101, 250, 399, 400, 401, 650, 1_000)
  })

  law(14, "who waits for a key that is removed is told so at once, and nobody else is", {
    key: { max: small, maxWaiters: fc.constant(8) },
    weights: { Refresh: 12, Acquire: 40, Suspend: 4, NextConnect: 10 }
  })

  law(15, "the queue is never longer than allowed, and nobody is turned away beside free capacity", {
    key: { maxWaiters: fc.integer({ min: 0, max: 3 }), max: small },
    pool: { connectTakesMs: fc.constantFrom(0, 90) },
    weights: { Acquire: 50, Resize: 4 }
  })

  law(16, "who borrows a second item while he holds the first is served, refused, or out of time, but never stuck", {
    key: { max: small, concurrency: small },
    pool: { keys: fc.constant(1) },
    weights: { Nest: 24, Acquire: 24, Advance: 20 }
  })
})
