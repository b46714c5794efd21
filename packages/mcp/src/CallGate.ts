/**
 * What stands before the path of each call of a tool, and behind it: whether the tool may be called at all, when, and
 * whether what it gives is what its server declares. A call that has nothing of it to pass goes as if there were no
 * gate.
 *
 * @since 0.1.0
 */
import { Deadlines, type Pool } from "@mooring/pool"
import type { CallToolResult, Tool } from "@modelcontextprotocol/sdk/types.js"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Call, CallError, CallPath, Run, SourceError, ToolsOf } from "./CallPath.js"
import { CallRate } from "./CallRate.js"
import { isSame } from "./ConfigChange.js"
import type { CallLimits, McpConnection } from "./McpConnection.js"
import { InvalidResult, OutputSchemaRefused, RateLimited, ToolDenied } from "./McpError.js"
import * as OutputSchema from "./OutputSchema.js"
import type { ServerChange } from "./Registry.js"
import type { Partition, ServerKey } from "./ServerKey.js"
import type { Server } from "./Servers.js"
import { TaskMismatch } from "./TaskError.js"
import { Around } from "./ToolCall.js"

/**
 * One gate for all paths of a client: that of its calls, and those of its sessions.
 *
 * @since 0.1.0
 * @category models
 */
export interface CallGate {
  /**
   * The path through the gate. `tools` are what a server says of them, for those whose results are checked; `known` is what
   * is known of that without asking.
   */
  readonly guard: <E extends SourceError>(
    path: CallPath<E>,
    tools: ToolsOf<E>,
    known: (key: ServerKey) => ReadonlyArray<Tool> | undefined
  ) => CallPath<E>
  /** The server has listed these tools: from now on, those that run as tasks only are not called plainly. */
  readonly listed: (server: Server, tools: ReadonlyArray<Tool>) => void
  /** A server has changed: what is left of its rate goes on to hold where that is the same. */
  readonly changed: (change: ServerChange) => void
}

/**
 * Those who wait for their turn wait on one timer, which ends with the scope; then nobody waits any more.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<CallGate, never, Scope.Scope> = Effect.gen(function* () {
  const turns = new Turns(yield* Deadlines.make)
  yield* Effect.addFinalizer(() => Effect.sync(() => turns.close()))
  const schemas = new OutputSchema.Cache()
  const tasked = new Set<Server>()

  const guard: CallGate["guard"] = <E extends SourceError>(
    path: CallPath<E>,
    toolsOf: ToolsOf<E>,
    known: (key: ServerKey) => ReadonlyArray<Tool> | undefined
  ): CallPath<E> => {
    const schemaOf = (server: Server, key: ServerKey, tool: string) =>
      Effect.flatMap(toolsOf(server, key), (tools) => {
        const declared = tools.find(({ name }) => name === tool)?.outputSchema
        if (declared === undefined) return Effect.succeed(undefined)
        return Effect.mapError(
          schemas.of(declared),
          ({ reason }) => new OutputSchemaRefused({ server: server.name, tool, reason })
        )
      })

    const passed = <A, F extends SourceError>(
      server: Server,
      key: ServerKey,
      call: Call<A>,
      tool: string,
      run: Run<F>,
      follows: boolean
    ): Effect.Effect<A, CallError<E | F>> => {
      if (server.permits?.(tool) === false) return Effect.fail(new ToolDenied({ server: server.name, tool }))
      const called = (check?: Check<A>) => {
        const gated =
          check === undefined && call.reconcile === undefined
            ? call
            : new GatedCall(call, check, (again) => (other) => through(server, key, other, again, follows))
        // What collects a result is no other call of its tool.
        return call.task === "collects" ? run(gated) : Effect.zipRight(turns.take(server, key, tool), run(gated))
      }
      if (!(call.limits?.checkOutput ?? server.settings.checkOutput)) return called()
      // Before its turn: what cannot be checked is not called.
      return Effect.flatMap(schemaOf(server, key, tool), (schema) =>
        schema === undefined
          ? called()
          : called((connection, given) => checked(server, tool, schema, connection, call.toolResult?.(given)))
      )
    }

    const through = <A, F extends SourceError>(
      server: Server,
      key: ServerKey,
      call: Call<A>,
      run: Run<F>,
      follows: boolean
    ): Effect.Effect<A, CallError<E | F>> => {
      // Where the server has changed, the call is restarted, and comes to the gate of now.
      const tool = follows && !server.isCurrent ? undefined : gatedTool(server, call, tasked)
      if (tool === undefined) return run(call)
      if (call.task === "collects" || (call.task === undefined && !tasked.has(server))) {
        return passed(server, key, call, tool, run, follows)
      }
      return Effect.suspend(() => {
        const mismatch = taskMismatch(server, tool, known(key), call.task)
        return mismatch === undefined ? passed(server, key, call, tool, run, follows) : Effect.fail(mismatch)
      })
    }

    const gated: CallPath<E>["run"] = (server, key, call, lookup) =>
      Effect.suspend(() =>
        server.isCurrent || lookup === undefined
          ? through(server, key, call, (other) => path.proceed(server, key, other, lookup), lookup !== undefined)
          : path.run(server, key, call, lookup)
      )

    return {
      // Not by way of `gated`: what has nothing to pass, as most calls, costs no function of its own.
      run: (server, key, call, lookup) =>
        gatedTool(server, call, tasked) === undefined
          ? path.run(server, key, call, lookup)
          : gated(server, key, call, lookup),
      proceed: path.proceed
    }
  }

  return {
    guard,
    listed: (server, tools) => {
      if (tools.some(({ execution }) => execution?.taskSupport === "required")) tasked.add(server)
    },
    changed: (change) => {
      turns.changed(change)
      // Its tools are most likely the same; a list says so, or otherwise.
      if (change.before !== undefined && tasked.delete(change.before) && change.after !== undefined) {
        tasked.add(change.after)
      }
    }
  }
})

/** The tool of a call that has something to pass; `undefined` for any other call. */
const gatedTool = (
  server: Server,
  { limits, task, tool }: Pick<Call<never>, "limits" | "task" | "tool">,
  tasked: ReadonlySet<Server>
): string | undefined =>
  server.gated ||
  limits?.checkOutput === true ||
  task === "begins" ||
  // None of most servers' tools is one that runs as a task only.
  (tasked.size > 0 && tasked.has(server))
    ? tool
    : undefined

/** https://modelcontextprotocol.io/specification/2025-11-25/basic/utilities/tasks#tool-level-negotiation */
const taskMismatch = (
  server: Server,
  tool: string,
  known: ReadonlyArray<Tool> | undefined,
  task: Call<never>["task"]
): TaskMismatch | undefined => {
  const listed = known?.find(({ name }) => name === tool)
  if (listed === undefined) return undefined
  const support = listed.execution?.taskSupport ?? "forbidden"
  const isRight = task === "begins" ? support !== "forbidden" : support !== "required"
  return isRight || support === "optional" ? undefined : new TaskMismatch({ server: server.name, tool, support })
}

/** Looks at what a call gives, while it still has its connection. */
type Check<A> = (connection: McpConnection, given: A) => Effect.Effect<void, InvalidResult>

/** A call whose result is checked, and whose own calls (see `reconcile`) pass the gate as well. */
class GatedCall<A> extends Around<A, A> {
  readonly reconcile: Call<A>["reconcile"]

  constructor(
    call: Call<A>,
    private readonly check: Check<A> | undefined,
    gated: (run: Run<SourceError>) => Run<SourceError>
  ) {
    super(call)
    const { reconcile } = call
    this.reconcile = reconcile && ((failure, run) => reconcile(failure, gated(run)))
  }

  override perform(restore: Pool.Restore, connection: McpConnection, limits: CallLimits | undefined) {
    const performed = this.call.perform(restore, connection, limits)
    const { check } = this
    return check === undefined ? performed : Effect.tap(performed, (given) => check(connection, given))
  }
}

const checked = (
  server: Server,
  tool: string,
  schema: OutputSchema.OutputSchema,
  connection: McpConnection,
  result: CallToolResult | undefined
): Effect.Effect<void, InvalidResult> => {
  // What went wrong has no shape: https://modelcontextprotocol.io/specification/2025-11-25/server/tools#error-handling
  if (result === undefined || result.isError === true) return Effect.void
  const { structuredContent } = result
  const reason =
    structuredContent === undefined
      ? "the result has no structuredContent, and the tool declares an outputSchema"
      : schema.mismatch(structuredContent)
  // Places are told by their names, and those are the server's.
  return reason === undefined
    ? Effect.void
    : Effect.fail(new InvalidResult({ server: server.name, tool, reason: connection.clean(reason) }))
}

/** The rates of all servers and partitions. */
class Turns {
  // Goes with the server, when the last call on it has ended.
  private readonly rates = new WeakMap<Server, Rates>()
  private readonly waitedFor = new Set<CallRate>()
  private closed = false

  constructor(private readonly deadlines: Deadlines.Deadlines) {}

  close(): void {
    this.closed = true
    for (const rate of [...this.waitedFor]) rate.close()
  }

  changed({ after, before }: ServerChange): void {
    const rates = before && this.rates.get(before)
    if (rates === undefined || before === undefined || after === undefined) return
    if (isSame(before.settings.rateLimit, after.settings.rateLimit)) this.rates.set(after, rates)
  }

  take(server: Server, key: ServerKey, tool: string): Effect.Effect<void, RateLimited> {
    const { acquireTimeout, rateLimit } = server.settings
    if (rateLimit === undefined) return Effect.void
    return Effect.suspend(() => {
      let rates = this.rates.get(server)
      if (rates === undefined) {
        rates = new Rates(() => new CallRate(rateLimit, this.deadlines, this.waitedFor))
        this.rates.set(server, rates)
      }
      return Effect.mapError(
        rates.of(key.partition).turn(this.closed ? 0 : acquireTimeout),
        (retryAfterMs) => new RateLimited({ server: key.toString(), tool, delivery: "NotSent", retryAfterMs })
      )
    })
  }
}

/** The rates of one server's partitions. One that is not used is as good as none, and goes when there are many. */
class Rates {
  private readonly rates = new Map<Partition, CallRate>()
  private most = 1000

  constructor(private readonly make: () => CallRate) {}

  of(partition: Partition): CallRate {
    const found = this.rates.get(partition)
    if (found !== undefined) return found
    if (this.rates.size >= this.most) {
      for (const [name, rate] of this.rates) if (rate.isUnused) this.rates.delete(name)
      // Looked through again only when they have doubled, so that it costs each call little.
      this.most = Math.max(1000, 2 * this.rates.size)
    }
    const rate = this.make()
    this.rates.set(partition, rate)
    return rate
  }
}
