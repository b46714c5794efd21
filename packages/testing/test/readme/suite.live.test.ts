import { it } from "@effect/vitest"
import { FaultSuite } from "@mooring/testing/node"

for (const { effect, title } of FaultSuite.cases(FaultSuite.mooring)) it.live(title, () => effect)
