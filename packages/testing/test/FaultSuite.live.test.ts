import { describe, it } from "@effect/vitest"
import { FaultSuite } from "@mooring/testing/node"

describe("faults of server processes", () => {
  for (const { effect, title } of FaultSuite.cases(FaultSuite.mooring)) it.live(title, () => effect)
})
