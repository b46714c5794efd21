import { BaseSequencer, type TestSpecification } from "vitest/node"

/**
 * What takes longest, the longest first: the worker that came to it last would end long after the others. Vitest knows
 * how long a file takes only where it has run before, and else goes by its size.
 */
export const long = [
  "pool/test/gates",
  "testing/test/calls/laws",
  "pool/test/laws.mass",
  "mcp/test/Catalogue",
  "pool/test/interruption",
  "testing/test/McpTest.session",
  "pool/test/laws.safety",
  "testing/test/HttpFaults.live",
  "testing/test/TransportContract.http.live",
  "bench/test/Comparison.live",
  "examples/test/examples.live",
  "bench/test/Memory.live",
  "node/test/Application.live",
  "testing/test/readme/suite.live",
  "testing/test/HttpWire.live",
  "pool/test/memory.live",
  "cli/test/Commands.live",
  "testing/test/killed.live",
  "node/test/Requests.live",
  "scripts/test/documented.live",
  "node/test/RealServers.live",
  "node/test/Notices.live",
  "node/test/OriginSockets.live"
]

/** The longest first; live tests last: their processes do not take the processor from tests that need it. */
export default class LiveLast extends BaseSequencer {
  override async sort(files: Array<TestSpecification>): Promise<Array<TestSpecification>> {
    const sorted = await super.sort(files)
    const live = (file: TestSpecification) => file.moduleId.includes(".live.test.")
    const rank = ({ moduleId }: TestSpecification) => {
      const index = long.findIndex((name) => moduleId.endsWith(`/${name}.test.ts`))
      return index === -1 ? long.length : index
    }
    sorted.sort((one, other) => rank(one) - rank(other))
    return [...sorted.filter((file) => !live(file)), ...sorted.filter(live)]
  }
}
