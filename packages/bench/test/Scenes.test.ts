import { describe, expect, it } from "@effect/vitest"
import { Effect, Either } from "effect"
import * as Arrivals from "../src/scenes/Arrivals.js"
import * as Books from "../src/scenes/Books.js"
import { apart } from "../src/scenes/Caller.js"
import * as Player from "../src/scenes/Player.js"
import { Stage } from "../src/scenes/Stage.js"
import * as Tables from "../src/scenes/Tables.js"
import * as Versions from "../src/scenes/Versions.js"

describe("the books of a server", () => {
  const start = (pid: number): Books.Entry => ({ event: "start", pid, at: 0 })
  const asked = (pid: number, method: string): Books.Entry => ({ event: "asked", pid, method })
  const run = (pid: number, text: string): Books.Entry => ({ event: "run", tool: "echo", args: { text }, pid, at: 0 })
  const end = (pid: number, memoryMiB: number): Books.Entry => ({
    event: "end",
    pid,
    at: 0,
    cpuUs: 1_000,
    memoryKiB: memoryMiB * 1024
  })

  it("count processes, requests and runs, and which calls were run twice", () => {
    const sums = Books.sum([
      start(1),
      asked(1, "initialize"),
      asked(1, "notifications/initialized"),
      start(2),
      asked(2, "initialize"),
      asked(2, "tools/list"),
      run(1, "a"),
      run(2, "a"),
      run(2, "b")
    ])
    expect(sums).toMatchObject({ processes: 2, mostAtOnce: 2, handshakes: 2, catalogues: 1, runs: 3, runTwice: 1 })
  })

  it("add up the memory of those that ran at one time, and the processor time of all", () => {
    const sums = Books.sum([start(1), start(2), end(1, 50), start(3), end(2, 60), end(3, 80)])
    expect(sums).toMatchObject({ processes: 3, mostAtOnce: 2, memoryMiB: 140, cpuMs: 3 })
  })

  it("do not say what was used where a process was killed, or has not ended", () => {
    const sums = Books.sum([start(1), end(1, 50), start(2)])
    expect([sums.cpuMs, sums.memoryMiB]).toEqual([undefined, undefined])
    expect(Books.sum([]).cpuMs).toBeUndefined()
  })

  it("take an ID that came back for the new process", () => {
    expect(Books.sum([start(1), end(1, 50), start(1)]).cpuMs).toBeUndefined()
  })
})

describe("arrivals", () => {
  it("are the same for a seed, in order, and as many a second as were asked for", () => {
    const due = Arrivals.poisson(10_000, 500, 7)
    expect(due).toEqual(Arrivals.poisson(10_000, 500, 7))
    expect(due).not.toEqual(Arrivals.poisson(10_000, 500, 8))
    expect(due).toEqual([...due].sort((a, b) => a - b))
    // 20 seconds; a Poisson process of so many calls is off by 1 % as its standard deviation.
    expect(Math.abs((due.at(-1) ?? 0) / 20_000 - 1)).toBeLessThan(0.05)
  })

  it("come as they do by chance: of the gaps, 63 % are shorter than their mean", () => {
    const due = Arrivals.poisson(10_000, 1_000, 1)
    const short = due.filter((at, n) => at - (due[n - 1] ?? 0) < 1).length
    expect(Math.abs(short / 10_000 - 0.632)).toBeLessThan(0.02)
  })
})

describe("a stage", () => {
  const answer = (text: string) => ({ content: [{ type: "text", text }] })

  /** A subject that is asked for `call` by its text, and counts how often it was opened and closed. */
  const staged = (call: (text: string, server: number) => Promise<unknown>, servers = 1) => {
    const counts = { opened: 0, closed: 0 }
    const stage = new Stage(() => {
      counts.opened++
      return Promise.resolve({
        call: (server, text) => call(text, server),
        close: () => Promise.resolve(void counts.closed++)
      })
    }, servers)
    return { counts, stage }
  }

  it("makes as many calls as a burst has, no two alike, and no more at a time than it may", async () => {
    const texts = new Set<string>()
    let under = 0
    let most = 0
    const { stage } = staged(async (text) => {
      texts.add(text)
      most = Math.max(most, ++under)
      await Promise.resolve()
      under--
      return answer(text)
    })
    const first = await stage.play({ act: "burst", calls: 100, atOnce: 7, cold: true })
    const second = await stage.play({ act: "burst", calls: 50, atOnce: 50, cold: false })
    expect([first.answered, second.answered, texts.size, most]).toEqual([100, 50, 150, 50])
    expect(first.latenciesUs).toHaveLength(100)
    expect(first.latenciesUs).toEqual([...first.latenciesUs].sort((a, b) => a - b))
  })

  it("opens a client anew for a cold burst alone", async () => {
    const { counts, stage } = staged((text) => Promise.resolve(answer(text)))
    await stage.play({ act: "burst", calls: 1, atOnce: 1, cold: true })
    await stage.play({ act: "burst", calls: 1, atOnce: 1, cold: false })
    expect(counts).toEqual({ opened: 1, closed: 0 })
    await stage.play({ act: "burst", calls: 1, atOnce: 1, cold: true })
    expect(counts).toEqual({ opened: 2, closed: 1 })
    await stage.close()
    expect(counts).toEqual({ opened: 2, closed: 2 })
  })

  it("does not take a wrong answer for one, and counts failures by what they are", async () => {
    class Lost extends Error {
      readonly _tag = "ConnectionLost"
      readonly delivery = "NotSent"
      override readonly name = "ConnectionLost"
    }
    let n = 0
    const { stage } = staged((text) => {
      n++
      if (n <= 3) return Promise.reject(new Lost("each says something else " + text))
      return n === 4 ? Promise.reject(new Error("no")) : Promise.resolve(answer(n === 5 ? "another" : text))
    })
    const outcome = await stage.play({ act: "steady", callers: 2, calls: 20, forMs: 60_000 })
    expect(outcome.answered).toBe(15)
    expect(outcome.failed).toMatchObject({ "ConnectionLost NotSent": 3, "Error: no": 1 })
    expect(Object.values(outcome.failed)).toEqual([3, 1, 1])
    expect(outcome.recoveryMs).toBeNull()
  })

  it("begins paced calls although none is answered, and counts their time from when they were due", async () => {
    const answers: Array<() => void> = []
    const { stage } = staged((text) => new Promise((resolve) => answers.push(() => resolve(answer(text)))))
    const playing = stage.play({ act: "paced", calls: 20, perSecond: 100_000, seed: 1 })
    while (answers.length < 20) await new Promise((resolve) => setImmediate(resolve))
    for (const give of answers) give()
    const { answered, latenciesUs } = await playing
    expect([answered, latenciesUs.length]).toEqual([20, 20])
  })
})

describe("a stage with several servers", () => {
  const answer = (text: string) => ({ content: [{ type: "text", text }] })
  const act = { act: "beside", calls: 6, atOnce: 6, perSecond: 10_000, forMs: 2, seed: 1 } as const

  it("calls the first for the first time once the others are there, and those until it has answered, and again then", async () => {
    const asked: Array<number> = []
    let giveAll: () => void = () => {}
    const slow = new Promise<void>((resolve) => (giveAll = resolve))
    const stage = new Stage(
      () =>
        Promise.resolve({
          call: async (server, text) => {
            asked.push(server)
            if (server === 0) await slow
            return answer(text)
          },
          close: () => Promise.resolve()
        }),
      3
    )
    const playing = stage.play(act)
    // Two that connect, six that wait, and twenty meanwhile.
    while (asked.length < 28) await new Promise((resolve) => setImmediate(resolve))
    expect(asked.slice(0, 2)).toEqual([1, 2])
    expect(asked.filter((server) => server === 0)).toHaveLength(6)
    giveAll()
    const { answered, latenciesUs, others } = await playing
    expect([answered, latenciesUs.length]).toEqual([6, 6])
    expect([others?.meanwhile.answered, others?.afterwards.answered]).toEqual([20, 20])
    expect([1, 2].map((server) => asked.filter((one) => one === server).length)).toEqual([21, 21])
  })

  it("opens its client anew, and says whose calls failed", async () => {
    let opened = 0
    const stage = new Stage(() => {
      opened++
      return Promise.resolve({
        call: (server, text) => (server === 2 ? Promise.reject(new Error("no")) : Promise.resolve(answer(text))),
        close: () => Promise.resolve()
      })
    }, 3)
    await stage.play(act)
    const { failed, others } = await stage.play(act)
    expect(opened).toBe(2)
    expect(failed).toEqual({})
    expect(others?.meanwhile).toMatchObject({ answered: 10, failed: { "Error: no": 10 } })
  })

  it("can be a client for each", async () => {
    const closed: Array<string> = []
    const open = apart((target) => {
      const name = "command" in target ? target.command : target.url
      return Promise.resolve({
        call: (text) => Promise.resolve(`${name}: ${text}`),
        close: () => Promise.resolve(void closed.push(name))
      })
    })
    const callers = await open([{ command: "a", args: [] }, { url: "b" }], {})
    expect(await Promise.all([callers.call(1, "x"), callers.call(0, "y")])).toEqual(["b: x", "a: y"])
    await expect(callers.call(2, "z")).rejects.toThrow("there are 2 servers")
    await callers.close()
    expect(closed).toEqual(["a", "b"])
  })
})

describe("the tables of a scene", () => {
  it("show who failed beside those that did not", () => {
    const rows = [
      Tables.row("a", [3, 1, 2]),
      Tables.rowOf("b", Either.left({ name: "b", error: "it cannot" }), () => 1),
      Tables.rowOf("c", Either.right(5), (five) => five)
    ]
    const { failed, figures } = Tables.scenario("title", "ms", rows)
    expect(figures.map(({ median, name }) => [name, median])).toEqual([
      ["a", 2],
      ["c", 5]
    ])
    expect(failed).toEqual([{ name: "b", error: "it cannot" }])
    expect(Tables.scenario("title", "ms", [Tables.row("a", [1])]).failed).toBeUndefined()
  })

  it.effect("take what dies for a failure, and nothing else", () =>
    Effect.gen(function* () {
      expect(yield* Player.attempt("a", Effect.succeed(1))).toEqual(Either.right(1))
      const died = yield* Player.attempt("a", Effect.dieMessage("it cannot"))
      expect(died).toEqual(Either.left({ name: "a", error: "it cannot" }))
      const interrupted = yield* Effect.exit(Player.attempt("a", Effect.interrupt))
      expect(interrupted._tag).toBe("Failure")
    })
  )

  it("know the versions of what was measured", () => {
    const [ours, sdk, bare, pool] = Versions.of([
      { name: "a", file: "mooring", settings: { max: 8 } },
      { name: "b", file: "sdkHeld" },
      { name: "c", file: "bareStdio" },
      { name: "d", file: "effectPool" }
    ])
    expect(ours).toMatchObject({ name: "a", version: "@mooring/mcp 0.1.0", settings: '{"max":8}' })
    expect(sdk?.version).toMatch(/^@modelcontextprotocol\/sdk \d+\.\d+\.\d+/)
    expect(pool?.version).toMatch(/^effect 3\./)
    expect(bare?.version).toBe(`Node ${process.version}`)
  })
})
