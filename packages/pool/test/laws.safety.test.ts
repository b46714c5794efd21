import { FastCheck as fc } from "effect"
import { describe } from "@effect/vitest"
import { law } from "./lab/Law.js"

const small = fc.integer({ min: 1, max: 2 })

describe("the pool keeps its items safe", () => {
  law(1, "no key, group or pool ever has more items than its limit, those on their way in and out included", {
    key: { max: fc.integer({ min: 1, max: 4 }) },
    pool: {
      maxTotal: fc.integer({ min: 1, max: 5 }),
      quota: fc.constantFrom(0, 1, 2, 3),
      closeTakesMs: fc.constantFrom(0, 30)
    },
    weights: { Resize: 6, NextClose: 8, Discard: 8, Invalidate: 6 }
  })

  law(1, "what refresh has replaced counts against its key no more while it is held, and against the pool as before", {
    key: { min: fc.constantFrom(0, 0, 1), max: fc.integer({ min: 1, max: 3 }) },
    pool: { maxTotal: fc.constantFrom(2, 4, 100), quota: fc.constantFrom(0, 0, 3) },
    weights: { Refresh: 14, Acquire: 36, Release: 22, Warm: 2 }
  })

  law(2, "no item ever bears more leases than its concurrency, which may change at any time", {
    key: { concurrency: fc.integer({ min: 1, max: 4 }), max: small },
    weights: { Concurrency: 12, Resize: 4, ReleaseTwice: 6 }
  })

  law(3, "who borrows a whole item is alone on it", {
    key: { concurrency: fc.integer({ min: 2, max: 3 }), max: small },
    how: fc.constantFrom("use", "lease", "exclusive", "exclusive"),
    weights: { Discard: 6, Cancel: 10 }
  })

  law(4, "an item that is draining never serves again, and goes when the last one gives it back", {
    key: { concurrency: fc.integer({ min: 1, max: 3 }) },
    weights: { Discard: 10, Invalidate: 10, Kill: 10, Drain: 6 }
  })

  law(4, "what refresh has replaced never serves again, and goes when the last one gives it back", {
    key: { concurrency: fc.integer({ min: 1, max: 3 }) },
    pool: { connectTakesMs: fc.constantFrom(0, 90, 250) },
    weights: { Refresh: 14, Release: 22 }
  })

  law(5, "in the end as much was given back as was taken, and each item was closed exactly once", {
    weights: { Cancel: 12, ReleaseTwice: 6, Invalidate: 6, Close: 1 }
  })

  law(6, "no item is closed under a live lease except at a deadline, and then the borrower is told", {
    key: { concurrency: fc.integer({ min: 1, max: 3 }) },
    how: fc.constantFrom("use", "lease", "lease", "exclusive"),
    weights: { Drain: 8, Invalidate: 8, Kill: 8, Close: 1, Release: 8 }
  })

  law(6, "what refresh has replaced is left to who holds it, and what was of a removed key until its deadline", {
    key: { concurrency: fc.integer({ min: 1, max: 3 }) },
    how: fc.constantFrom("use", "lease", "lease", "exclusive"),
    pool: { shutdownMs: fc.constantFrom(100, 2_000) },
    weights: { Refresh: 10, Advance: 20, Release: 8, Close: 0 }
  })

  law(7, "giving back twice, or long after the item was replaced, changes nothing", {
    how: fc.constantFrom("lease", "exclusive"),
    weights: { ReleaseTwice: 20, Discard: 6, Invalidate: 6, Release: 24 }
  })

  law(8, "no key sees another key's item, and nothing of a caller is seen inside the pool", {
    pool: { keys: fc.constant(3), maxTotal: fc.integer({ min: 1, max: 4 }), validates: fc.boolean() },
    weights: { NextConnect: 10, NextProbe: 4 }
  })

  law(9, "nothing that is closed, draining, dead or out of order is lent, and `isOpen` is asked each time", {
    pool: { validates: fc.boolean() },
    weights: { Kill: 14, Invalidate: 6, NextProbe: 4, Suspend: 3 }
  })

  law(9, "an attempt that was under way when its key was refreshed serves nobody", {
    key: { max: small },
    pool: { connectTakesMs: fc.constantFrom(30, 90, 250) },
    weights: { Refresh: 14, Acquire: 40, Advance: 24 }
  })

  law(10, "who waits can leave at once, whatever he waits for", {
    key: { max: small, concurrency: fc.constant(1) },
    pool: { connectTakesMs: fc.constantFrom(0, 90, 250), validates: fc.boolean() },
    weights: { Cancel: 20, NextConnect: 8, NextProbe: 6, Suspend: 3 }
  })
})
