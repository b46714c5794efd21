import { it } from "@effect/vitest"
import { EchoServer, TransportContract } from "@mooring/testing"

const cases = TransportContract.cases(EchoServer.make())
for (const { effect, title } of cases) it.effect(title, () => effect)
