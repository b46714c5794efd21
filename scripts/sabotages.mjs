// For each law of the pool one small change to the engine that breaks it: [file, text that stands there once, what
// to put instead]. See sabotage.mjs.

/**
 * @typedef {{
 *   readonly law: string,
 *   readonly what: string,
 *   readonly changes: ReadonlyArray<readonly [file: string, before: string, after: string]>
 * }} Sabotage
 */

/** @type {ReadonlyArray<Sabotage>} */
export const sabotages = [
  {
    law: "L1",
    what: "one item more than max",
    changes: [
      [
        "internal/Engine.ts",
        "if (key.total >= key.config.max || key.connecting >= key.config.maxConnecting) return false",
        "if (key.total > key.config.max || key.connecting >= key.config.maxConnecting) return false"
      ]
    ]
  },
  {
    law: "L2",
    what: "one lease more than concurrency",
    changes: [["internal/Item.ts", "this.leases < this.concurrency &&", "this.leases <= this.concurrency &&"]]
  },
  {
    law: "L3",
    what: "an exclusively held item is lent",
    changes: [["internal/Item.ts", "      !this.exclusive &&\n", ""]]
  },
  {
    law: "L4",
    what: "a draining item serves again when it comes back",
    changes: [
      [
        "internal/Engine.ts",
        'if (item.state === "draining" && item.leases === 0) {\n      this.lifecycle.closeDrained(item)',
        'if (item.state === "draining" && item.leases === 0) {\n      item.state = "ready"\n      key.ready++\n      this.returned(item, true)'
      ]
    ]
  },
  {
    law: "L5",
    what: "closing an item does not run its finalizers",
    changes: [["internal/Lifecycle.ts", "Scope.close(item.scope, Exit.void)", "Effect.void"]]
  },
  {
    law: "L6",
    what: "an item is closed as soon as it drains, held or not",
    changes: [["internal/Lifecycle.ts", "if (item.leases === 0) this.closeDrained(item)", "this.closeDrained(item)"]]
  },
  {
    law: "L7",
    what: "every release counts",
    changes: [
      [
        "internal/PoolImpl.ts",
        "    if (this.ended) return\n    this.ended = true\n    this.leak?.end()",
        "    if (this.ended) {\n      this.item.key.counters.waited++\n      return\n    }\n    this.ended = true\n    this.leak?.end()"
      ]
    ]
  },
  {
    law: "L8",
    what: "the first key's entry serves every key",
    changes: [["internal/KeyTable.ts", "return this.same.get(key) ??", "return this.same.values().next().value ??"]]
  },
  {
    law: "L9",
    what: "isOpen is not asked",
    changes: [
      [
        "internal/Lifecycle.ts",
        "    const open = this.answersOpen(item, item.value as A)\n",
        "    const open = true as boolean\n"
      ]
    ]
  },
  {
    law: "L10",
    what: "waiting cannot be interrupted",
    changes: [
      [
        "internal/PoolImpl.ts",
        "restore(Effect.async<void, E | PoolError>((resume) => waiter.sleep(resume)))",
        "Effect.async<void, E | PoolError>((resume) => waiter.sleep(resume))"
      ]
    ]
  },
  {
    law: "L11",
    what: "last come, first served",
    changes: [
      [
        "internal/Waiter.ts",
        "    waiter.prev = this.tail\n    if (this.tail === undefined) this.head = waiter\n    else this.tail.next = waiter\n    this.tail = waiter\n",
        "    waiter.next = this.head\n    if (this.head === undefined) this.tail = waiter\n    else this.head.prev = waiter\n    this.head = waiter\n"
      ]
    ]
  },
  {
    law: "L12",
    what: "a returned item is not handed on",
    changes: [["internal/Engine.ts", "    if (key.blocked) this.pump(key)\n", ""]]
  },
  {
    law: "L13",
    what: "idle items of other keys are not reclaimed",
    changes: [
      [
        "internal/Capacity.ts",
        "    if (queue === this.starvedOfConnects) return\n    const mayGo",
        "    if (queue !== undefined) return\n    const mayGo"
      ]
    ]
  },
  {
    law: "L14",
    what: "deadlines are a millisecond late",
    changes: [
      [
        "internal/Engine.ts",
        "this.deadlines.add(waiter, now + waiter.timeout)",
        "this.deadlines.add(waiter, now + waiter.timeout + 1e6)"
      ]
    ]
  },
  {
    law: "L15",
    what: "the queue has no bound",
    changes: [
      [
        "internal/Engine.ts",
        "return state.queue.size > state.config.maxWaiters + served",
        "return state.queue.size > 1e9"
      ]
    ]
  },
  {
    law: "L16",
    what: "while a lease is out, waiters have no deadline",
    changes: [
      [
        "internal/Engine.ts",
        "this.deadlines.add(waiter, now + waiter.timeout)",
        "if (state.leases === 0) this.deadlines.add(waiter, now + waiter.timeout)"
      ]
    ]
  },
  {
    law: "L17",
    what: "the engine reads the wall clock",
    changes: [
      [
        "Deadlines.ts",
        "const origin = clock.unsafeCurrentTimeNanos()",
        "const origin = clock.unsafeCurrentTimeMillis()"
      ],
      [
        "Deadlines.ts",
        "Number(clock.unsafeCurrentTimeNanos() - origin)",
        "(clock.unsafeCurrentTimeMillis() - origin) * 1e6"
      ]
    ]
  },
  {
    law: "L18",
    what: "a sweep closes one idle item only",
    changes: [
      [
        "internal/Keys.ts",
        'this.host.retire(oldest, "idle", "it was idle for longer than idleTimeToLive")',
        'this.host.retire(oldest, "idle", "it was idle for longer than idleTimeToLive")\n      this.sweepBy(key, now + 1e12)\n      return'
      ]
    ]
  },
  {
    law: "L19",
    what: "jitter lengthens lifetimes",
    changes: [["internal/Lifecycle.ts", "1 - lifetimeJitter * this.random()", "1 + lifetimeJitter * this.random()"]]
  },
  {
    law: "L20",
    what: "items are never checked before a borrow",
    changes: [
      [
        "internal/Lifecycle.ts",
        "return this.validates && this.deadlines.now() - item.provenAt * 1e6 > item.key.config.validationBypass",
        "return this.validates && this.deadlines.now() - item.provenAt * 1e6 > Infinity"
      ]
    ]
  },
  {
    law: "L21",
    what: "attempts at once are not limited",
    changes: [
      [
        "internal/Engine.ts",
        "key.total >= key.config.max || key.connecting >= key.config.maxConnecting) return false",
        "key.total >= key.config.max) return false"
      ],
      ["internal/Capacity.ts", "const tooMany = this.connecting > 0 &&", "const tooMany = this.connecting > 1e9 &&"]
    ]
  },
  {
    law: "L22",
    what: "pauses do not grow",
    changes: [["internal/Circuit.ts", "2 ** (failures - 1)", "2 ** 0"]]
  },
  {
    law: "L23",
    what: "a failure is given to those who came after the attempt began",
    changes: [["internal/Engine.ts", "(waiter) => waiter.number <= item.acquiresBefore", "() => true"]]
  },
  {
    law: "L24",
    what: "cancelling a waiter calls the attempt off",
    changes: [
      [
        "internal/Engine.ts",
        "      this.unqueue(waiter)\n      this.pump(key)",
        '      this.unqueue(waiter)\n      for (const opening of [...key.items]) opening.abortConnect?.("drained")\n      this.pump(key)'
      ]
    ]
  },
  {
    law: "L25",
    what: "nothing that the pool runs has a deadline",
    changes: [["internal/Bounded.ts", "  deadlines.add(task, deadlines.now() + timeout)\n", ""]]
  },
  {
    law: "L26",
    what: "a timeout in the queue counts as a failed attempt",
    changes: [
      [
        "internal/Engine.ts",
        "    this.fail(waiter, Cause.fail(error))\n",
        '    key.circuit = Circuit.transition(key.circuit, "failure", this.deadlines.now(), key.config, () => 1)\n    this.fail(waiter, Cause.fail(error))\n'
      ]
    ]
  },
  {
    law: "L27",
    what: "closing does not tell those who wait",
    changes: [
      [
        "internal/Engine.ts",
        "this.failWaiting(key, Cause.fail(new PoolClosed({ key: key.name })), () => true)",
        "this.failWaiting(key, Cause.fail(new PoolClosed({ key: key.name })), () => false)"
      ]
    ]
  },
  {
    law: "L28",
    what: "the fiber of the deadlines outlives the pool",
    changes: [
      ["Deadlines.ts", "return fiber === undefined ? Effect.void : Fiber.interrupt(fiber)", "return Effect.void"]
    ]
  },
  {
    law: "L29",
    what: "keys are never dropped",
    changes: [["internal/Keys.ts", "    if (!key.isBare || key.pinned", "    if (key.isBare || key.pinned"]]
  },
  {
    law: "L30",
    what: "those who waited are not counted",
    changes: [["internal/Engine.ts", "    key.counters.waited++\n", ""]]
  }
]
