/** What a generated run does, one step after the other. `pick` chooses among what is there, wrapping round. */
import { FastCheck as fc } from "effect"
import type { How } from "./Acquire.js"
import type { Behaviour } from "./Behaviour.js"
import type { Refreshes } from "./Settings.js"
import type { KeySetup } from "./Setup.js"

export type Step =
  | { readonly _tag: "Acquire"; readonly key: number; readonly how: How }
  | { readonly _tag: "Cancel"; readonly pick: number; readonly waiting: boolean }
  | { readonly _tag: "Release"; readonly pick: number }
  /** Gives a lease back, twice, and again when its scope closes, which is a later `Release`. */
  | { readonly _tag: "ReleaseTwice"; readonly pick: number }
  | { readonly _tag: "Discard"; readonly pick: number }
  /** Somebody who holds an item of a key borrows another of the same key. */
  | { readonly _tag: "Nest"; readonly pick: number }
  | { readonly _tag: "NextConnect"; readonly key: number; readonly does: Behaviour }
  | { readonly _tag: "NextClose"; readonly key: number; readonly does: Behaviour }
  | { readonly _tag: "NextProbe"; readonly key: number; readonly does: Behaviour }
  | {
      readonly _tag: "Kill"
      readonly key: number
      readonly pick: number
      readonly held: boolean
      readonly tells: boolean
    }
  | { readonly _tag: "Alive"; readonly key: number; readonly pick: number }
  | { readonly _tag: "Concurrency"; readonly key: number; readonly pick: number; readonly to: number }
  | { readonly _tag: "Invalidate"; readonly key: number; readonly pick: number }
  | { readonly _tag: "Advance"; readonly millis: number }
  | { readonly _tag: "JumpWall"; readonly millis: number }
  | { readonly _tag: "Drain"; readonly key: number; readonly deadline: number | undefined }
  | { readonly _tag: "Suspend"; readonly key: number }
  | { readonly _tag: "Resume"; readonly key: number }
  | { readonly _tag: "SuspendAll" }
  | { readonly _tag: "ResumeAll" }
  | { readonly _tag: "Resize"; readonly key: number; readonly to: Partial<KeySetup> }
  | {
      readonly _tag: "Refresh"
      readonly what: Refreshes
      readonly to: Partial<KeySetup>
      readonly deadline: number | undefined
    }
  | { readonly _tag: "Keep"; readonly key: number; readonly pick: number }
  | { readonly _tag: "LetGo"; readonly key: number; readonly pick: number; readonly twice: boolean }
  | { readonly _tag: "Warm"; readonly key: number }
  | { readonly _tag: "Thaw" }
  | { readonly _tag: "Close" }

/** A step, and whether the next one comes before anything that this one set off has run. */
export interface Command {
  readonly does: Step
  readonly rushed: boolean
}

/** How often a kind of step is generated, relative to the others. */
export type Weights = Readonly<Partial<Record<Step["_tag"], number>>>

const byDefault: Weights = {
  Acquire: 30,
  Cancel: 6,
  Release: 18,
  ReleaseTwice: 3,
  Discard: 3,
  Nest: 1,
  NextConnect: 6,
  NextClose: 3,
  NextProbe: 0,
  Kill: 5,
  Alive: 0,
  Concurrency: 2,
  Invalidate: 3,
  Advance: 14,
  JumpWall: 1,
  Drain: 2,
  Suspend: 1,
  Resume: 3,
  SuspendAll: 0.3,
  ResumeAll: 1,
  Resize: 2,
  Refresh: 2,
  Keep: 2,
  LetGo: 2,
  Warm: 1,
  Thaw: 1,
  Close: 0.2
}

/** Times that are never exactly a connect's, a close's or a probe's own limit: there either outcome is right. */
const takes = fc.constantFrom(0, 0, 1, 7, 30, 90, 130, 250, 390, 555)

const connects: fc.Arbitrary<Behaviour> = fc.record({
  takes,
  end: fc.constantFrom("ok", "ok", "fail", "fail", "fatal", "die", "hang", "hangHard")
})

const closes: fc.Arbitrary<Behaviour> = fc.record({ takes, end: fc.constantFrom("ok", "ok", "die", "hangHard") })

const probes: fc.Arbitrary<Behaviour> = fc.record({
  takes,
  end: fc.constantFrom("ok", "ok", "fail", "die", "hang", "hangHard")
})

const how: fc.Arbitrary<How> = fc.constantFrom("use", "use", "lease", "lease", "get", "exclusive")

const resizes: fc.Arbitrary<Partial<KeySetup>> = fc.oneof(
  fc.record({ max: fc.integer({ min: 1, max: 4 }) }),
  fc.record({ maxWaiters: fc.integer({ min: 0, max: 8 }) }),
  fc.record({ concurrency: fc.integer({ min: 1, max: 3 }) })
)

const settings: fc.Arbitrary<Partial<KeySetup>> = fc.oneof(
  fc.constant({}),
  resizes,
  fc.record({ min: fc.integer({ min: 0, max: 2 }) })
)

const refreshes: fc.Arbitrary<Refreshes> = fc.array(fc.constantFrom("Keep", "Settings", "Items", "Items", "Remove"), {
  minLength: 3,
  maxLength: 3
})

/** Generated lists of commands over a number of keys. */
export const commands = (options: {
  readonly keys: number
  readonly maxLength?: number | undefined
  readonly weights?: Weights | undefined
  readonly how?: fc.Arbitrary<How> | undefined
  readonly advance?: fc.Arbitrary<number> | undefined
}): fc.Arbitrary<ReadonlyArray<Command>> => {
  const key = fc.nat(options.keys - 1)
  const pick = fc.nat(7)
  const deadline = fc.constantFrom(undefined, 0, 200)
  const steps: { readonly [Tag in Step["_tag"]]: fc.Arbitrary<Extract<Step, { readonly _tag: Tag }>> } = {
    Acquire: fc.record({ _tag: fc.constant("Acquire"), key, how: options.how ?? how }),
    Cancel: fc.record({ _tag: fc.constant("Cancel"), pick, waiting: fc.boolean() }),
    Release: fc.record({ _tag: fc.constant("Release"), pick }),
    ReleaseTwice: fc.record({ _tag: fc.constant("ReleaseTwice"), pick }),
    Discard: fc.record({ _tag: fc.constant("Discard"), pick }),
    Nest: fc.record({ _tag: fc.constant("Nest"), pick }),
    NextConnect: fc.record({ _tag: fc.constant("NextConnect"), key, does: connects }),
    NextClose: fc.record({ _tag: fc.constant("NextClose"), key, does: closes }),
    NextProbe: fc.record({ _tag: fc.constant("NextProbe"), key, does: probes }),
    Kill: fc.record({ _tag: fc.constant("Kill"), key, pick, held: fc.boolean(), tells: fc.boolean() }),
    Alive: fc.record({ _tag: fc.constant("Alive"), key, pick }),
    Concurrency: fc.record({ _tag: fc.constant("Concurrency"), key, pick, to: fc.integer({ min: 1, max: 3 }) }),
    Invalidate: fc.record({ _tag: fc.constant("Invalidate"), key, pick }),
    Advance: fc.record({ _tag: fc.constant("Advance"), millis: options.advance ?? steadily }),
    JumpWall: fc.record({ _tag: fc.constant("JumpWall"), millis: fc.constantFrom(-3_600_000, 3_600_000) }),
    Drain: fc.record({ _tag: fc.constant("Drain"), key, deadline }),
    Suspend: fc.record({ _tag: fc.constant("Suspend"), key }),
    Resume: fc.record({ _tag: fc.constant("Resume"), key }),
    SuspendAll: fc.record({ _tag: fc.constant("SuspendAll") }),
    ResumeAll: fc.record({ _tag: fc.constant("ResumeAll") }),
    Resize: fc.record({ _tag: fc.constant("Resize"), key, to: resizes }),
    Refresh: fc.record({ _tag: fc.constant("Refresh"), what: refreshes, to: settings, deadline }),
    Keep: fc.record({ _tag: fc.constant("Keep"), key, pick }),
    LetGo: fc.record({ _tag: fc.constant("LetGo"), key, pick, twice: fc.boolean() }),
    Warm: fc.record({ _tag: fc.constant("Warm"), key }),
    Thaw: fc.record({ _tag: fc.constant("Thaw") }),
    Close: fc.record({ _tag: fc.constant("Close") })
  }
  const weights = { ...byDefault, ...options.weights }
  const does = fc.oneof(
    ...Object.entries(steps).flatMap(([tag, arbitrary]) => {
      // The keys of `steps` are the tags.
      const weight = Math.round(10 * (weights[tag as Step["_tag"]] ?? 0))
      return weight > 0 ? [{ weight, arbitrary: arbitrary as fc.Arbitrary<Step> }] : []
    })
  )
  const rushed = fc.oneof({ weight: 4, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) })
  return fc.array(fc.record({ does, rushed }), { minLength: 1, maxLength: options.maxLength ?? 60, size: "max" })
}

const steadily = fc.constantFrom(1, 5, 20, 50, 100, 150, 200, 300, 400, 700, 1_000, 5_001)
