import { afterAll, describe, expect, it } from "@effect/vitest"
import { Answer, Limits, type McpError, Session } from "@mooring/mcp"
import { Chunk, Effect, Exit, FastCheck, Fiber, TestClock } from "effect"
import { FakeTransport } from "./FakeTransport.js"

const timeoutMs = 1000
const totalTimeoutMs = 1500
const characters = 10
const inFlightBytes = 60

type Step =
  | {
      readonly _tag:
        | "handOver"
        | "answer"
        | "error"
        | "interrupt"
        | "answerAndInterrupt"
        | "fail"
        | "failFatally"
        | "progress"
        | "progressAndAnswer"
        | "textId"
      readonly request: number
    }
  | { readonly _tag: "advance"; readonly ms: number }
  | { readonly _tag: "request" }
  | { readonly _tag: "close" }
  | { readonly _tag: "junk" }

const of = <Tag extends string>(...tags: ReadonlyArray<Tag>) => FastCheck.constantFrom(...tags)
const step: FastCheck.Arbitrary<Step> = FastCheck.oneof(
  { weight: 10, arbitrary: FastCheck.record({ _tag: of("request" as const) }) },
  {
    weight: 16,
    arbitrary: FastCheck.record({ _tag: of("handOver" as const, "progress"), request: FastCheck.nat(5) })
  },
  {
    weight: 10,
    arbitrary: FastCheck.record({
      _tag: of("answer" as const, "error", "interrupt", "answerAndInterrupt", "fail"),
      request: FastCheck.nat(5)
    })
  },
  {
    weight: 3,
    arbitrary: FastCheck.record({
      _tag: of("progressAndAnswer" as const, "textId", "failFatally"),
      request: FastCheck.nat(5)
    })
  },
  {
    weight: 8,
    arbitrary: FastCheck.record({ _tag: of("advance" as const), ms: FastCheck.constantFrom(1, 499, 600, 700, 1000) })
  },
  { weight: 1, arbitrary: FastCheck.record({ _tag: of("close" as const) }) },
  { weight: 1, arbitrary: FastCheck.record({ _tag: of("junk" as const) }) }
)

const request: Step = { _tag: "request" }
const advance = (ms: number): Step => ({ _tag: "advance", ms })
const to = (_tag: "handOver" | "answer" | "error" | "interrupt" | "fail" | "progress", back: number): Step => ({
  _tag,
  request: back
})

/** The rarer ways in which a request ends, whatever is generated. */
const examples: Array<[Array<Step>]> = [
  [[request, to("handOver", 0), advance(600), to("progress", 0), advance(1000)]],
  [[request, advance(1000), request, to("handOver", 0), advance(1000), request, to("answer", 0)]],
  [[...Array.from({ length: 7 }, () => request), to("handOver", 2), to("interrupt", 0), to("fail", 1), to("fail", 2)]],
  [[request, to("answer", 0), to("answer", 0)]],
  [[request, to("error", 0)]]
]

/** What is known of one request from what was done alone. */
interface Modelled {
  readonly id: number
  outcome: string | undefined
  handed: boolean
  withdrawn: boolean
  idleAt: number
  readonly endsAt: number
  progress: number
}

/** A session as its documentation has it: a list, and what each step does to it. */
class Model {
  readonly requests: Array<Modelled> = []
  readonly cancelled: Array<number> = []
  readonly events: Array<string> = []
  readonly counters = { answered: 0, unanswered: 0, late: 0, unknown: 0, textId: 0, strayProgress: 0, junk: 0 }
  now = 0
  open = true

  get pending(): ReadonlyArray<Modelled> {
    return this.requests.filter(({ outcome }) => outcome === undefined)
  }

  request(): void {
    const id = Session.firstId + this.requests.length
    const request = {
      id,
      outcome: undefined,
      handed: false,
      withdrawn: false,
      idleAt: this.now + timeoutMs,
      endsAt: this.now + totalTimeoutMs,
      progress: 0
    }
    this.requests.push(request)
  }

  end(request: Modelled, outcome: string, answered: boolean): void {
    request.outcome = outcome
    this.counters[answered ? "answered" : "unanswered"]++
  }

  withdraw(request: Modelled, outcome: string): void {
    request.withdrawn = true
    if (request.handed) this.cancelled.push(request.id)
    this.end(request, outcome, false)
  }

  lose(request: Modelled): void {
    this.end(request, `ConnectionLost ${delivery(request)}`, false)
  }

  /** Whether the answer ended a request. */
  answer(n: number, outcome: string): boolean {
    const request = this.requests[n]
    if (!this.open) return false
    if (request?.outcome === undefined && request !== undefined) {
      this.end(request, outcome, true)
      return true
    }
    this.report(request === undefined ? "unknown" : "late", request === undefined ? "Unknown" : "Late")
    return false
  }

  progress(n: number): void {
    const request = this.requests[n]
    if (!this.open) return
    if (request === undefined || request.outcome !== undefined) return this.report("strayProgress", "StrayProgress")
    request.progress++
    request.idleAt = Math.min(this.now + timeoutMs, request.endsAt)
  }

  /** The deadlines that pass, in their order. */
  advance(ms: number): void {
    this.now += ms
    const due = this.pending.filter((request) => dueAt(request) <= this.now)
    for (const request of due) {
      const limit = dueAt(request) === request.endsAt ? totalTimeoutMs : timeoutMs
      this.withdraw(request, `CallTimeout ${limit} ${delivery(request)}`)
      this.events.push("Unanswered")
    }
  }

  close(): void {
    this.open = false
    for (const request of this.pending) this.lose(request)
  }

  report(counter: keyof Model["counters"], event: string): void {
    if (!this.open) return
    this.counters[counter]++
    this.events.push(event)
  }
}

const dueAt = ({ endsAt, idleAt }: Modelled) => Math.min(idleAt, endsAt)

const delivery = ({ handed }: Modelled): McpError.Delivery => (handed ? "Unknown" : "NotSent")

const outcomeOf = (exit: Exit.Exit<unknown, McpError.RequestError>): string =>
  Exit.match(exit, {
    onSuccess: (result) => `answer ${JSON.stringify(result)}`,
    onFailure: (cause) => {
      if (cause._tag !== "Fail") return "interrupted"
      const { error } = cause
      switch (error._tag) {
        case "CallTimeout":
          return `CallTimeout ${error.timeoutMs} ${error.delivery}`
        case "ConnectionLost":
          return `ConnectionLost ${error.delivery}`
        case "ProtocolError":
          return `ProtocolError ${error.code}`
        default:
          return error._tag
      }
    }
  })

const run = (steps: ReadonlyArray<Step>, reached: Set<string>) =>
  Effect.scoped(
    Effect.gen(function* () {
      const model = new Model()
      const transport = new FakeTransport(false)
      transport.onSend = (outgoing) => {
        if ("id" in outgoing.message) outgoing.characters = characters
      }
      const session = yield* Session.make(transport, { server: "fake" })
      const events: Array<string> = []
      session.listen({ event: ({ _tag }) => events.push(_tag) })
      const seen = new Map<number, number>()
      const fibers: Array<Fiber.RuntimeFiber<unknown, McpError.RequestError>> = []
      /** Requests that never got an id. */
      const refused: Array<string> = []
      const expectedRefusals: Array<string> = []

      const perform = (current: Step): Effect.Effect<void> =>
        Effect.gen(function* () {
          if (current._tag === "request") {
            const n = model.requests.length
            const onProgress = () => void seen.set(n, (seen.get(n) ?? 0) + 1)
            const options = { timeoutMs, totalTimeoutMs, resetOnProgress: true, onProgress }
            const fiber = yield* Effect.fork(session.request("x", undefined, Answer.anything, options))
            yield* Effect.yieldNow()
            if (model.open && model.pending.length * characters < inFlightBytes) {
              model.request()
              fibers.push(fiber)
            } else {
              expectedRefusals.push(model.open ? "ConnectionSaturated" : "ConnectionLost NotSent")
              model.counters.unanswered++
              refused.push(outcomeOf(yield* Fiber.await(fiber)))
            }
            return
          }
          if (current._tag === "close") {
            transport.close("the end")
            return model.close()
          }
          if (current._tag === "junk") {
            transport.receiver?.junk("a line")
            return model.report("junk", "Junk")
          }
          if (current._tag === "advance") {
            yield* TestClock.adjust(`${current.ms} millis`)
            return model.advance(current.ms)
          }
          // Counted back from the latest; before the first is one that was never made.
          const latest = model.requests.length - 1
          const n = current.request <= latest ? latest - current.request : latest + 1 + current.request
          const id = Session.firstId + n
          const request = model.requests[n]
          const params = { progressToken: id, progress: n }
          const progress = { jsonrpc: "2.0", method: "notifications/progress", params }
          const answer = `answer {"n":${n}}`
          switch (current._tag) {
            case "handOver": {
              if (request === undefined || request.handed) return
              transport.outgoing(id).handedOver = true
              request.handed = true
              // Handed over although it was given up, which a transport should not do: the server must be told.
              if (request.withdrawn && model.open) model.cancelled.push(id)
              return
            }
            case "textId":
              transport.answer(String(id))
              return model.report("textId", "TextId")
            case "answer":
              transport.answer(id, { n })
              return void model.answer(n, answer)
            case "error":
              transport.deliver({ jsonrpc: "2.0", id, error: { code: n, message: "no" } })
              return void model.answer(n, `ProtocolError ${n}`)
            case "progress":
              transport.deliver(progress)
              return model.progress(n)
            case "progressAndAnswer":
              transport.deliver(progress)
              transport.answer(id, { n })
              model.progress(n)
              return void model.answer(n, answer)
            case "interrupt":
              yield* Fiber.interrupt(fibers[n] ?? Fiber.void)
              if (request !== undefined && request.outcome === undefined) model.withdraw(request, "interrupted")
              return
            case "answerAndInterrupt":
              // The answer ends it, and the server is told nothing; the fiber, which has not run yet, is gone.
              transport.answer(id, { n })
              yield* Fiber.interrupt(fibers[n] ?? Fiber.void)
              return void model.answer(n, "interrupted")
            case "fail":
            case "failFatally": {
              if (request === undefined) return
              const fatal = current._tag === "failFatally"
              const wasPending = request.outcome === undefined
              transport.outgoing(id).failed({ reason: "failed", delivery: delivery(request), fatal })
              if (wasPending) model.lose(request)
              if (fatal && model.open) model.close()
            }
          }
        })

      for (const current of steps) {
        yield* perform(current)
        yield* Effect.yieldNow()
        // At once, and not only in the end.
        expect(session.pending()).toBe(model.pending.length)
        expect(session.counters).toMatchObject(model.counters)
        expect([...transport.cancelled].sort()).toEqual([...model.cancelled].sort())
      }
      transport.close("the end")
      if (model.open) model.close()
      const outcomes = yield* Effect.forEach(fibers, (fiber) => Effect.map(Fiber.await(fiber), outcomeOf))
      expect(outcomes).toEqual(model.requests.map(({ outcome }) => outcome))
      expect(refused).toEqual(expectedRefusals)
      expect(events).toEqual(model.events)
      expect(model.requests.map((_, n) => seen.get(n) ?? 0)).toEqual(model.requests.map(({ progress }) => progress))
      for (const outcome of [...outcomes, ...refused]) reached.add(outcome)

      // Nothing is left that could still happen: no request, no deadline, no sleep, no word to the server.
      const sent = transport.sent.length
      // The sleep that is under way runs out; were a deadline left, another would begin.
      for (const wakesAt of yield* TestClock.sleeps()) yield* TestClock.setTime(wakesAt)
      expect(Chunk.isEmpty(yield* TestClock.sleeps())).toBe(true)
      expect(transport.sent).toHaveLength(sent)
      expect(session.pending()).toBe(0)
      expect(session.counters).toMatchObject(model.counters)
    })
  ).pipe(Effect.provide(Limits.layer({ inFlightBytes })))

describe("the laws of a session", () => {
  const reached = new Set<string>()

  it.effect.prop(
    "each request ends exactly once with what came first, says truly whether it was sent, and leaves nothing behind",
    [FastCheck.array(step, { minLength: 1, maxLength: 60, size: "max" })],
    ([steps]) => run(steps, reached),
    { fastCheck: { numRuns: 60, examples }, timeout: 120_000 }
  )

  // In every way in which a request can end; a generator that never came there would prove little.
  afterAll(() => {
    const ways = [
      "interrupted",
      "ConnectionLost NotSent",
      "ConnectionLost Unknown",
      `CallTimeout ${timeoutMs} NotSent`,
      `CallTimeout ${timeoutMs} Unknown`,
      `CallTimeout ${totalTimeoutMs} Unknown`,
      'answer {"n":0}',
      "ProtocolError 0",
      "ConnectionSaturated"
    ]
    expect(ways.filter((way) => !reached.has(way))).toEqual([])
  })
})
