// For each law of the pool a small change to the engine that breaks it, or several: [file, text that stands there once, what
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
    law: "L1",
    what: "what refresh replaced never counts again",
    changes: [["internal/KeyState.ts", "    if (item.superseded) this.superseded--\n", ""]]
  },
  {
    law: "L1",
    what: "what is replaced twice counts twice",
    changes: [
      [
        "internal/Refreshing.ts",
        'if (item.state !== "draining" || item.superseded) continue',
        'if (item.state !== "draining") continue'
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
    law: "L4",
    what: "what refresh should replace goes on serving",
    changes: [["internal/Refreshing.ts", '    this.engine.retireAll(state, "drained", why)\n', ""]]
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
    law: "L6",
    what: "what refresh has replaced is taken away",
    changes: [
      [
        "internal/Refreshing.ts",
        "engine.keys.configure(state, config)",
        'if (replaces) engine.revokeAll(state.items, "its key was renewed")\n    engine.keys.configure(state, config)'
      ]
    ]
  },
  {
    law: "L6",
    what: "what belongs to a removed key is never taken away",
    changes: [
      [
        "internal/Refreshing.ts",
        "new Draining(engine, state.items, timeout, why, constVoid)",
        "new Draining(engine, state.items, Infinity, why, constVoid)"
      ]
    ]
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
    law: "L9",
    what: "attempts of before serve a key that was refreshed",
    changes: [
      [
        "internal/Engine.ts",
        'if (item.state === "connecting") item.abortConnect?.(reason)',
        'if (item.state === "connecting") continue'
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
    law: "L12",
    what: "what refresh has replaced counts against max while it is held",
    changes: [
      [
        "internal/KeyState.ts",
        "return this.open - this.superseded + this.connecting + this.closing",
        "return this.open + this.connecting + this.closing"
      ]
    ]
  },
  {
    law: "L12",
    what: "an open circuit outlasts a refresh",
    changes: [["internal/Refreshing.ts", "    lifecycle.setCircuit(state, Circuit.initial)\n", ""]]
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
    law: "L13",
    what: "what is kept makes room as soon as anything else",
    changes: [["internal/Capacity.ts", "find((each) => each.keeps === 0 && mayGo(each)) ?? find(mayGo)", "find(mayGo)"]]
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
    law: "L14",
    what: "who waits for a key that is removed waits on",
    changes: [
      [
        "internal/Refreshing.ts",
        "new UnknownKey({ key: state.name })), () => true)",
        "new UnknownKey({ key: state.name })), () => false)"
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
    law: "L18",
    what: "what is kept idles out",
    changes: [["internal/KeyState.ts", "if (item.keeps > 0 || !item.isFree", "if (!item.isFree"]]
  },
  {
    law: "L18",
    what: "what was let go is kept for good",
    changes: [
      ["internal/Handle.ts", "    item.key.kept--\n    if (item.probed", "    if (item.probed"],
      ["internal/KeyState.ts", "if (item.keeps > 0 || !item.isFree", "if (!item.isFree || this.kept > 0"]
    ]
  },
  {
    law: "L18",
    what: "what is kept is as much too many as anything else",
    changes: [
      ["internal/Keys.ts", "const oldest = key.oldestUnkept() ?? key.oldestIdle()", "const oldest = key.oldestIdle()"]
    ]
  },
  {
    law: "L18",
    what: "what is kept goes first when max is lowered",
    changes: [
      ["internal/Keys.ts", "Number(a.keeps > 0) - Number(b.keeps > 0)", "Number(b.keeps > 0) - Number(a.keeps > 0)"]
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
    law: "L29",
    what: "a removed key keeps its entry for its time to live",
    changes: [["internal/Keys.ts", "!this.host.isClosing() && !key.removed)", "!this.host.isClosing())"]]
  },
  {
    law: "L29",
    what: "what a removed key had pinned stays reserved",
    changes: [["internal/Refreshing.ts", "      more += added\n", "      more += Math.max(0, added)\n"]]
  },
  {
    law: "L30",
    what: "those who waited are not counted",
    changes: [["internal/Engine.ts", "    key.counters.waited++\n", ""]]
  }
]
