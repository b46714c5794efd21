/**
 * The form of a law's own property: generated set-ups and command lists, run on the virtual clock, of which none may
 * break that law. A failure prints the smallest list that still breaks it, with its seed and path; `FC_SEED` and
 * `FC_PATH` in the environment, and `-t` with the law's number, run it again.
 */
import { FastCheck as fc } from "effect"
import { it } from "@effect/vitest"
import { type Command, commands, type Weights } from "./Command.js"
import type { How } from "./Acquire.js"
import { consistent, type KeySetup, keySetup, type Setup, setup } from "./Setup.js"
import { type Outcome, runVirtually } from "./VirtualRun.js"
import { render, type Violation } from "./Violation.js"

/** Lists for each law; together with those over all laws more than 10,000. */
export const listsPerLaw = 200

/** How many of the lists are run: all, unless `MOORING_RUNS` says a share of them (mutants die of fewer). */
export const share = Number(process.env["MOORING_RUNS"] ?? 1)

/** That share of a longer list, evenly spread, its first and its last included. */
export const sampled = <A>(all: ReadonlyArray<A>): ReadonlyArray<A> => {
  const count = Math.min(all.length, Math.max(2, Math.ceil(all.length * share)))
  const chosen = new Set(Array.from({ length: count }, (_, n) => Math.round((n * (all.length - 1)) / (count - 1))))
  return all.filter((_, index) => chosen.has(index))
}

type Arbitraries<A> = { readonly [K in keyof A]?: fc.Arbitrary<A[K]> }

export interface Scene {
  readonly key?: Arbitraries<KeySetup> | undefined
  readonly pool?: Arbitraries<Omit<Setup, "key">> | undefined
  readonly weights?: Weights | undefined
  readonly how?: fc.Arbitrary<How> | undefined
  readonly advance?: fc.Arbitrary<number> | undefined
  readonly maxLength?: number | undefined
  /** Whether everything expires before the pool is closed. Default: in half of the runs. */
  readonly quieten?: boolean | undefined
}

export interface Play {
  readonly setup: Setup
  readonly commands: ReadonlyArray<Command>
  readonly quieten: boolean
}

/** Set-ups and lists of a scene; what the scene leaves open varies, too. */
export const plays = (scene: Scene): fc.Arbitrary<Play> => {
  const keys = 3
  return fc.record({
    setup: fc
      .record({
        seed: fc.nat(1_000_000),
        keys: fc.integer({ min: 1, max: keys }),
        connectTakesMs: fc.constantFrom(0, 0, 30),
        closeTakesMs: fc.constantFrom(0, 0, 20),
        ...scene.pool,
        key: fc
          .record({
            max: fc.integer({ min: 1, max: 3 }),
            concurrency: fc.constantFrom(1, 1, 2, 3),
            maxWaiters: fc.constantFrom(1, 4, 8),
            ...scene.key
          })
          // What `scene` varies belongs to a set-up; what it does not keeps its value.
          .map((varied) => consistent({ ...keySetup, ...(varied as Partial<KeySetup>) }))
      })
      .map((varied) => ({ ...setup, ...(varied as Partial<Setup>), key: varied.key })),
    commands: commands({
      keys,
      weights: scene.weights,
      how: scene.how,
      advance: scene.advance,
      maxLength: scene.maxLength
    }),
    quieten: scene.quieten === undefined ? fc.boolean() : fc.constant(scene.quieten)
  })
}

/** Fails if anything was found. */
export const mustHold = (violations: ReadonlyArray<Violation>): void => {
  if (violations.length > 0) throw new Error(render(violations.slice(0, 5)))
}

/** A property of its own for one law. */
export const law = (number: number, title: string, scene: Scene, runs: number = listsPerLaw): void => {
  property(`L${number}: ${title}`, plays(scene), { runs, offset: number }, (play) => {
    mustHold(perform(play).violations.filter((violation) => violation.law === number))
  })
}

export const perform = (play: Play): Outcome => runVirtually(play.setup, play.commands, { quieten: play.quieten })

/**
 * Lets the test runner hear from its worker. A file whose tests never wait for anything keeps it from that; on a busy
 * machine it then gives up after a minute, with every test passed.
 */
export const breathe = (): Promise<void> => new Promise((resume) => setImmediate(resume))

/** Any property, in a test that lets the test runner breathe. */
export const property = <A>(
  title: string,
  arbitrary: fc.Arbitrary<A>,
  options: { readonly runs: number; readonly offset: number },
  check: (value: A) => void
): void => {
  it(
    title,
    async () => {
      let count = 0
      const path = process.env["FC_PATH"]
      // Each property starts from a seed of its own; with a path, the seed is the one that was printed.
      const seed = (fc.readConfigureGlobal().seed ?? 0) + (path === undefined ? options.offset : 0)
      await fc.assert(
        fc.asyncProperty(arbitrary, async (value) => {
          count += 1
          if (count % 25 === 0) await breathe()
          check(value)
        }),
        { numRuns: Math.max(5, Math.ceil(options.runs * share)), seed, ...(path === undefined ? {} : { path }) }
      )
    },
    300_000
  )
}
