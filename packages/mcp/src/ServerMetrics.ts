/**
 * The metrics of one server as OpenTelemetry's conventions for MCP have them, both histograms in seconds:
 * `mcp.client.operation.duration` of each request and `mcp.client.session.duration` of each connection. What is to be
 * counted where is looked up by plain maps; Effect's registry is asked once for each series. A partition is never a
 * label, and what callers and servers may invent (tools, prompts, error codes) has a bounded number of them.
 *
 * @since 0.1.0
 */
import * as Metric from "effect/Metric"
import * as MetricBoundaries from "effect/MetricBoundaries"
import * as MetricKey from "effect/MetricKey"
import * as MetricLabel from "effect/MetricLabel"
import { isSame } from "./ConfigChange.js"
import * as ErrorType from "./ErrorType.js"
import * as ServerConfig from "./ServerConfig.js"
import type { Server } from "./Servers.js"

/**
 * Where the buckets end. Seconds.
 *
 * @since 0.1.0
 * @category constants
 */
export const boundaries: ReadonlyArray<number> = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300]

/**
 * How many tools and prompts of a server, other methods, and kinds of errors of each of them have a series of their own.
 * Those that come later share one, `_OTHER`.
 *
 * @since 0.1.0
 * @category constants
 */
export const limits = { tools: 100, prompts: 100, methods: 32, errors: 16 } as const

type Labels = Readonly<Record<string, string>>
type Histogram = Metric.Metric.Histogram<number>

const histogram = (name: string, description: string) => {
  const key = MetricKey.histogram(name, MetricBoundaries.fromIterable(boundaries), description)
  return (labels: Labels): Histogram =>
    // Exporters of Effect's metrics take the unit from a label.
    Metric.fromMetricKey(
      MetricKey.taggedWithLabels(
        key,
        Object.entries({ ...labels, unit: "s" }).map(([name, value]) => MetricLabel.make(name, value))
      )
    )
}

const operation = histogram(
  "mcp.client.operation.duration",
  "How long a request took, from when it was sent until it was answered, failed or was given up"
)
const session = histogram("mcp.client.session.duration", "How long a connection lived")

/** `Metric.tagged` would make a new list for each update, and with it a look into the registry. */
const noLabels: ReadonlyArray<MetricLabel.MetricLabel> = []

/** One operation of a server, by how it ended. */
class Operation {
  private readonly ok: Histogram
  private readonly failed = new Map<string, Histogram>()

  constructor(private readonly labels: Labels) {
    this.ok = operation(labels)
  }

  record(error: string | undefined, seconds: number): void {
    const series = error === undefined ? this.ok : bounded(this.failed, error, limits.errors, this.ofError)
    series.unsafeUpdate(seconds, noLabels)
  }

  private readonly ofError = (error: string): Histogram => operation({ ...this.labels, "error.type": error })
}

/**
 * @since 0.1.0
 * @category models
 */
export class ServerMetrics {
  private readonly labels: Labels
  private readonly tools = new Map<string, Operation>()
  private readonly prompts = new Map<string, Operation>()
  private readonly methods = new Map<string, Operation>()

  constructor(server: Server) {
    this.labels = labelsOf(server)
  }

  /** Whether what is counted of both goes into the same series. */
  static isSame(one: Server, other: Server): boolean {
    return isSame(labelsOf(one), labelsOf(other))
  }

  /** One request has ended. `tool` and `prompt` where it was about one, `error` as `ErrorType` has it. */
  operation(
    method: string,
    tool: string | undefined,
    prompt: string | undefined,
    error: string | undefined,
    seconds: number
  ): void {
    this.of(method, tool, prompt).record(error, seconds)
  }

  private of(method: string, tool: string | undefined, prompt: string | undefined): Operation {
    if (tool !== undefined) return bounded(this.tools, tool, limits.tools, this.ofTool)
    if (prompt !== undefined) return bounded(this.prompts, prompt, limits.prompts, this.ofPrompt)
    return bounded(this.methods, method, limits.methods, this.ofMethod)
  }

  /** One connection has ended: by itself, if there is an `error`. */
  session(protocolVersion: string, error: string | undefined, seconds: number): void {
    const labels = { ...this.labels, "mcp.protocol.version": protocolVersion }
    session(error === undefined ? labels : { ...labels, "error.type": error }).unsafeUpdate(seconds, noLabels)
  }

  private readonly ofMethod = (method: string): Operation =>
    new Operation({ ...this.labels, "mcp.method.name": method })

  private readonly ofPrompt = (prompt: string): Operation =>
    new Operation({ ...this.labels, "mcp.method.name": "prompts/get", "gen_ai.prompt.name": prompt })

  private readonly ofTool = (tool: string): Operation =>
    new Operation({
      ...this.labels,
      "mcp.method.name": "tools/call",
      "gen_ai.operation.name": "execute_tool",
      "gen_ai.tool.name": tool
    })
}

const labelsOf = ({ address, config, name }: Server): Labels => ({
  "mcp.server": name,
  "network.transport": ServerConfig.isStdio(config) ? "pipe" : "tcp",
  ...Object.fromEntries(Object.entries(address).map(([label, value]) => [label, String(value)]))
})

/** What is known by this name; above `most` of them, what is known for all others. */
const bounded = <A>(known: Map<string, A>, name: string, most: number, make: (name: string) => A): A => {
  const found = known.get(name)
  if (found !== undefined) return found
  const shown = known.size < most ? name : ErrorType.other
  const made = known.get(shown) ?? make(shown)
  known.set(shown, made)
  return made
}
