import { describe, expect, it } from "@effect/vitest"
import { Resources } from "@mooring/testing/node"
import { Effect } from "effect"
import { spawn } from "node:child_process"
import { closeSync, openSync } from "node:fs"
import process from "node:process"
import { fileURLToPath } from "node:url"

const file = fileURLToPath(import.meta.url)

/** What is said of something that is taken, and not given back before the end of a short wait. */
const leaks = <A>(take: () => A, giveBack: (taken: A) => void) =>
  Effect.scoped(
    Effect.acquireRelease(Effect.sync(take), (taken) => Effect.sync(() => giveBack(taken))).pipe(
      Effect.asVoid,
      Resources.givenBack({ within: "100 millis" }),
      Effect.flip,
      Effect.map(({ grown }) => grown.join("\n"))
    )
  )

describe("what is not given back is told", () => {
  it.live("a timer", () =>
    Effect.gen(function* () {
      const told = yield* leaks(
        () => setTimeout(() => {}, 60_000),
        (timer) => clearTimeout(timer)
      )
      expect(told).toMatch(/^timer or handle Timeout: \d+ before, \d+ now$/)
    })
  )

  it.live("a descriptor, by what it is", () =>
    Effect.gen(function* () {
      const told = yield* leaks(() => openSync(file, "r"), closeSync)
      expect(told).toBe(`descriptor ${file}: 0 before, 1 now`)
    })
  )

  it.live("a child process, by its command and its process ID", () =>
    Effect.gen(function* () {
      const told = yield* leaks(
        () => spawn(process.execPath, ["-e", "process.stdin.resume()"], { stdio: ["pipe", "ignore", "ignore"] }),
        (child) => child.kill("SIGKILL")
      )
      expect(told).toMatch(/^child process \S*node -e process\.stdin\.resume\(\) \(\d+\): 0 before, 1 now$/m)
      expect(told).toMatch(/^timer or handle ProcessWrap: 0 before, 1 now$/m)
    })
  )

  it.live("a listener, by its event", () =>
    Effect.gen(function* () {
      const listener = () => {}
      const told = yield* leaks(
        () => process.on("SIGUSR2", listener),
        () => process.off("SIGUSR2", listener)
      )
      expect(told).toContain("listener SIGUSR2: 0 before, 1 now")
    })
  )

  it.live("listeners that pile up, though all were taken off again", () =>
    Effect.gen(function* () {
      const { grown } = yield* Effect.async<void>((resume) => {
        const listeners = Array.from({ length: 20 }, () => () => {})
        for (const listener of listeners) process.on("SIGUSR2", listener)
        for (const listener of listeners) process.off("SIGUSR2", listener)
        // Node warns in the next turn.
        setImmediate(() => resume(Effect.void))
      }).pipe(Resources.givenBack(), Effect.flip)
      expect(grown).toHaveLength(1)
      expect(grown[0]).toMatch(/SIGUSR2 listeners added/)
    })
  )
})

describe("what is given back", () => {
  it.live("a moment later is waited for", () =>
    Effect.sync(() => void setTimeout(() => {}, 200)).pipe(Resources.givenBack())
  )

  it.live("and what was there before is no leak", () =>
    Effect.gen(function* () {
      const timer = setTimeout(() => {}, 60_000)
      yield* Effect.sync(() => clearTimeout(timer)).pipe(Resources.givenBack())
      expect(
        Resources.grown(
          new Map([["a", 2]]),
          new Map([
            ["a", 1],
            ["b", 3]
          ])
        )
      ).toEqual(["b: 0 before, 3 now"])
    })
  )
})
