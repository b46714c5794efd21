/** What is held for each connection, in a process of its own that runs what the type-check built. */
import { expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { measured } from "../dist/goals/B9.js"

it.live(
  "an idle connection holds at most 30 KB, and a call that waits 2 KB more than its fiber",
  () =>
    Effect.gen(function* () {
      const { partitions, underWay, waiting } = yield* measured(1)
      expect(partitions[0]).toBeLessThan(30_000)
      expect(waiting[0]).toBeLessThan(2_000)
      expect(underWay[0]).toBeLessThan(2_000)
    }),
  { timeout: 300_000 }
)
