/**
 * Every kind of call is interrupted before each of the scheduler's tasks, with all fibers yielding after as few as ten
 * operations, so that the interruption lands between any two steps of caller, pool, session and server. At rest nothing
 * may be left: no lease, waiter, call at the server, handler, span, sleep or fiber; and the server serves as before.
 */
import { describe, expect, it } from "@effect/vitest"
import { McpClient, McpTool } from "@mooring/mcp"
import { FastClock, McpTest } from "@mooring/testing"
import {
  Chunk,
  Effect,
  Exit,
  type Fiber,
  FiberId,
  Layer,
  Metric,
  Schema,
  type Scheduler,
  Scope,
  Struct,
  TestClock,
  Tracer
} from "effect"

const Work = McpTool.make("work", { parameters: { takes: Schema.Int }, success: McpTool.text })
const work = McpTest.tool(Work, ({ takes }) => Effect.as(Effect.sleep(takes), "done"))

type Operation = (mcp: McpClient.Service) => Effect.Effect<unknown, unknown>

const operations: Readonly<Record<string, Operation>> = {
  "a typed call": (mcp) => mcp.call("web", Work, { takes: 0 }),
  "a call": (mcp) => mcp.callTool("web", "work", { takes: 0 }),
  "a call that takes its time": (mcp) => mcp.callTool("web", "work", { takes: 50 }),
  "a call that may run twice": (mcp) => mcp.callTool("web", "work", { takes: 0 }, { mayRunTwice: true }),
  "a list of tools": (mcp) => mcp.listTools("web"),
  "a ping": (mcp) => mcp.ping("web")
}

/** `npm run test:long` leaves out nothing. */
const everyTask = process.env["MOORING_FAULTS"] !== undefined

type Before = "no connection" | "an idle connection" | "a busy connection" | "a connection that dies"

/** The scheduler of the clock, which interrupts a fiber before one of its tasks. */
class Interrupting implements Scheduler.Scheduler {
  private left = Infinity
  private fiber: Fiber.RuntimeFiber<unknown, unknown> | undefined
  readonly shouldYield: Scheduler.Scheduler["shouldYield"]

  constructor(private readonly scheduler: Scheduler.Scheduler) {
    this.shouldYield = (fiber) => scheduler.shouldYield(fiber)
  }

  interrupt(fiber: Fiber.RuntimeFiber<unknown, unknown>, after: number): void {
    this.fiber = fiber
    this.left = after
  }

  /** How many tasks there were less than were to be waited for. */
  disarm(): number {
    const { left } = this
    this.left = Infinity
    return left
  }

  scheduleTask(task: Scheduler.Task, priority: number): void {
    this.scheduler.scheduleTask(() => {
      if (this.left-- === 0) this.fiber?.unsafeInterruptAsFork(FiberId.none)
      task()
    }, priority)
  }
}

class Spans {
  open = 0
  readonly tracer: Tracer.Tracer = Tracer.make({
    span: (name, parent, context, links, startTime, kind) => {
      this.open++
      return {
        _tag: "Span",
        spanId: name,
        traceId: "trace",
        name,
        parent,
        context,
        links,
        kind,
        sampled: true,
        attributes: new Map(),
        status: { _tag: "Started", startTime },
        attribute: () => {},
        event: () => {},
        addLinks: () => {},
        end: () => void this.open--
      }
    },
    context: (f) => f()
  })
}

const activeFibers = Effect.map(Metric.value(Metric.counter("effect_fiber_active")), ({ count }) => count)

/** Interrupts the operation before its first task, then some tasks later, and so on, until it ends before that. */
const everywhere = (operation: Operation, before: Before, budget: number, step: number) => {
  const clock = new FastClock.FastClock()
  const scheduler = new Interrupting(clock.scheduler)
  return Effect.gen(function* () {
    const spans = new Spans()
    const fibers = yield* activeFibers
    const scope = yield* Scope.make()
    const web = McpTest.server("web", { tools: [work], config: { idleTimeToLive: "1 day" } })
    const context = yield* Layer.buildWithScope(McpTest.layer({ servers: [web] }), scope)
    const [mcp, test] = yield* Effect.all([McpClient.McpClient, McpTest.McpTest]).pipe(Effect.provide(context))
    const atRest = TestClock.adjust(0)

    const interrupted = (tasks: number) =>
      Effect.gen(function* () {
        const where = `before task ${tasks}`
        if (before === "no connection") yield* test.kill("web")
        else yield* mcp.callTool("web", "work", { takes: 0 })
        yield* atRest
        const holder = before === "a busy connection" ? mcp.callTool("web", "work", { takes: 1000 }) : Effect.void
        const held = yield* Effect.fork(Effect.exit(holder))
        yield* atRest

        const fiber = yield* Effect.fork(Effect.withTracer(operation(mcp), spans.tracer))
        scheduler.interrupt(fiber, tasks)
        if (before === "a connection that dies") yield* test.kill("web")
        yield* atRest
        const early = scheduler.disarm() >= 0
        // What takes its time or waits has come as far as it can.
        if (early) fiber.unsafeInterruptAsFork(FiberId.none)
        yield* atRest
        expect(fiber.unsafePoll(), `${where}: goes on`).not.toBeNull()
        // At once, before any time passes: the server was told.
        const others = before === "a busy connection" ? 1 : 0
        expect((yield* test.stats("web")).inFlight, `${where}: calls at the server`).toBe(others)
        const running = (yield* test.calls("web")).filter(({ outcome }) => outcome === "running")
        expect(running.length, `${where}: handlers`).toBe(others)
        yield* TestClock.adjust(1000)
        expect(held.unsafePoll(), `${where}: the other call goes on`).not.toBeNull()

        const { leases, waiting } = yield* mcp.stats
        expect({ leases, waiting }, where).toEqual({ leases: 0, waiting: 0 })
        expect(spans.open, `${where}: spans`).toBe(0)
        // The one slot of the one connection is free.
        expect(yield* mcp.call("web", Work, { takes: 0 }), where).toBe("done")
        return early
      })

    let tasks = 0
    while (!(yield* interrupted(tasks))) tasks += step
    yield* Scope.close(scope, Exit.void)
    yield* atRest
    expect(Chunk.size(yield* TestClock.sleeps()), "sleeps").toBe(0)
    expect((yield* activeFibers) - fibers, "fibers").toBe(0)
    return tasks
  }).pipe(
    (program) => Effect.zipRight(Effect.yieldNow(), program),
    Effect.withClock(clock),
    Effect.withScheduler(scheduler),
    Effect.withMaxOpsBeforeYield(budget)
  )
}

/** After how many operations fibers yield, and how many tasks further each interruption lands. */
const passes: Readonly<Record<Before, ReadonlyArray<readonly [budget: number, step: number]>>> = {
  "an idle connection": [10, 13, 29, 2048].map((budget) => [budget, 1]),
  "a busy connection": [10, 13, 29, 2048].map((budget) => [budget, 1]),
  // Connecting takes hundreds of tasks.
  "no connection": everyTask
    ? [10, 13, 29, 2048].map((budget) => [budget, 1])
    : [
        [10, 7],
        [29, 3]
      ],
  "a connection that dies": everyTask
    ? [10, 13, 29, 2048].map((budget) => [budget, 1])
    : [
        [13, 7],
        [2048, 3]
      ]
}

describe("a call that is interrupted anywhere leaves nothing behind", () => {
  for (const [before, all] of Struct.entries(passes)) {
    for (const [name, operation] of Object.entries(operations)) {
      it.effect(
        `${name} on ${before}`,
        () =>
          Effect.gen(function* () {
            let tasks = 0
            for (const [budget, step] of all) tasks += yield* everywhere(operation, before, budget, step)
            // It was interrupted in the middle, too.
            expect(tasks).toBeGreaterThan(8)
          }),
        600_000
      )
    }
  }
})
