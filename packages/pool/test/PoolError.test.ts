import { describe, expect, it } from "@effect/vitest"
import { PoolError } from "@mooring/pool"

describe("the messages of the pool's errors", () => {
  const cases: ReadonlyArray<readonly [Error & { readonly _tag: string }, tag: string, message: string]> = [
    [
      new PoolError.AcquireTimeout({ key: "k", timeoutMs: 30, waiting: 2 }),
      "AcquireTimeout",
      'No connection for "k" came free within 30 ms (2 waiting)'
    ],
    [
      new PoolError.AcquireTimeout({ key: "k", timeoutMs: 30, waiting: 2, cause: new Error("refused") }),
      "AcquireTimeout",
      'No connection for "k" came free within 30 ms (2 waiting). Last failure: refused'
    ],
    [
      new PoolError.AcquireTimeout({ key: "k", timeoutMs: 30, waiting: 2, cause: "refused" }),
      "AcquireTimeout",
      'No connection for "k" came free within 30 ms (2 waiting). Last failure: refused'
    ],
    [
      new PoolError.PoolSaturated({ key: "k", maxWaiters: 5 }),
      "PoolSaturated",
      'The queue for "k" is full (5 waiting)'
    ],
    [new PoolError.PoolClosed({ key: "k" }), "PoolClosed", 'The pool is closed; nothing can be borrowed for "k"'],
    [new PoolError.UnknownKey({ key: "k" }), "UnknownKey", 'The pool has no "k"'],
    [new PoolError.PoolSuspended({ key: "k" }), "PoolSuspended", '"k" is suspended'],
    [
      new PoolError.PoolConfigError({ field: "max", reason: "is odd" }),
      "PoolConfigError",
      "The pool's settings: max is odd"
    ],
    [
      new PoolError.PoolConfigError({ key: "k", field: "max", reason: "is odd" }),
      "PoolConfigError",
      'The settings of "k": max is odd'
    ],
    [
      new PoolError.ConnectTimeout({ key: "k", timeoutMs: 30 }),
      "ConnectTimeout",
      'Connecting to "k" took longer than 30 ms'
    ],
    [new PoolError.ItemEnded({ key: "k", reason: "gone" }), "ItemEnded", 'What was opened for "k" ended at once: gone'],
    [
      new PoolError.LeaseRevoked({ key: "k", reason: "the pool closed" }),
      "LeaseRevoked",
      'The lease on "k" was revoked: the pool closed'
    ]
  ]
  for (const [error, tag, message] of cases) {
    it(`${tag}: ${message}`, () => {
      expect(error).toBeInstanceOf(Error)
      expect(error._tag).toBe(tag)
      expect(error.message).toBe(message)
    })
  }

  it("CircuitOpen says when to come again, in whole milliseconds, and why", () => {
    const error = new PoolError.CircuitOpen({
      key: "k",
      retryAfterMs: 1499.2,
      failures: 5,
      cause: new Error("refused")
    })
    expect(error._tag).toBe("CircuitOpen")
    expect(error.message).toBe(
      'Connecting to "k" failed 5 times in a row; next attempt in 1500 ms. Last failure: refused'
    )
  })
})
