/** Every probe on every server over every transport, and the page that shows how they ended. */
import { McpClient, McpPool, type ServerConfig, ServerKey } from "@mooring/mcp"
import { NodeMcp } from "@mooring/node"
import type { ServerCapabilities } from "@modelcontextprotocol/sdk/types.js"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Predicate from "effect/Predicate"
import process from "node:process"
import * as Loopback from "../fixtures/Loopback.js"
import { type OverHttp, type Real, temporary } from "../fixtures/RealServer.js"
import { handlers } from "./HandlerProbes.js"
import type { Probe } from "./Probe.js"

/** One server over one transport. */
export interface Column {
  readonly server: string
  readonly transport: "stdio" | OverHttp["transport"]
  readonly says: string
  readonly protocol: string
  readonly declares: ReadonlyArray<string>
  /** In the order of the probes. */
  readonly cells: ReadonlyArray<string>
}

/** Whether a server declared a capability. `resources.subscribe` is `subscribe` of the object `resources`. */
export const declared = (capabilities: ServerCapabilities, needs: Probe["needs"]): boolean => {
  let found: unknown = capabilities
  for (const name of needs?.split(".") ?? []) found = Predicate.isRecord(found) ? found[name] : undefined
  return isOffered(found)
}

const isOffered = (capability: unknown): boolean => capability !== undefined && capability !== false

/**
 * What a probe found: `ok`; `not declared`, where the server did not declare what the method needs and the client
 * refused it for that reason; `–`, where the server offers nothing to try it with; else what went wrong.
 */
export const cell = (isDeclared: boolean, exit: Exit.Exit<unknown, unknown>): string => {
  if (Exit.isSuccess(exit)) return isDeclared ? "ok" : "error: not declared, and not refused"
  const error = Cause.squash(exit.cause)
  const tag = Predicate.hasProperty(error, "_tag") ? String(error._tag) : `${error}`
  if (isDeclared && tag === "NothingToTry") return "–"
  return !isDeclared && tag === "UnsupportedCapability" ? "not declared" : `error: ${tag}`
}

const column = (real: Real, http: OverHttp | undefined, probes: ReadonlyArray<Probe>) =>
  Effect.gen(function* () {
    const folder = yield* temporary
    const root = yield* temporary
    real.prepare?.(folder)
    // One connection, so that a server over HTTP that knows only one is asked for no other.
    const config: ServerConfig.ServerConfig =
      http === undefined
        ? {
            command: process.execPath,
            args: [real.main, ...(real.args?.(folder) ?? [])],
            cwd: folder,
            env: real.env?.(folder)
          }
        : { url: `${yield* Loopback.open(http.main, http.args)}${http.path}`, max: 1, maxIdle: 1, listen: true }
    return yield* Effect.provide(
      asked(real, http?.transport ?? "stdio", { folder, root }, probes),
      Layer.provide(NodeMcp.layer({ servers: { [real.name]: config } }), handlers([folder, root]))
    )
  }).pipe(Effect.scoped)

const asked = (
  real: Real,
  transport: Column["transport"],
  { folder, root }: { readonly folder: string; readonly root: string },
  probes: ReadonlyArray<Probe>
) =>
  Effect.gen(function* () {
    const { pool } = yield* McpPool.McpPool
    const { capabilities, protocolVersion, serverInfo } = yield* pool.use(ServerKey.shared(real.name), Effect.succeed)
    const client = yield* McpClient.McpClient
    const target = {
      name: real.name,
      call: real.call(folder),
      task: real.task,
      resource: real.resource,
      asks: real.asks ?? {},
      root
    }
    const cells = yield* Effect.forEach(probes, ({ needs, run }) =>
      run(client, target).pipe(
        Effect.timeout("30 seconds"),
        Effect.exit,
        Effect.map((exit) => cell(declared(capabilities, needs), exit))
      )
    )
    const found: Column = {
      server: real.name,
      transport,
      says: `${serverInfo.name} ${serverInfo.version}`,
      protocol: protocolVersion,
      declares: Object.entries(capabilities).map(capability).toSorted(),
      cells
    }
    return found
  })

/** `resources (listChanged, subscribe)` */
const capability = ([name, parts]: readonly [string, unknown]): string => {
  const offered = Predicate.isRecord(parts) ? Object.keys(parts).filter((part) => isOffered(parts[part])) : []
  return offered.length === 0 ? name : `${name} (${offered.toSorted().join(", ")})`
}

/** All servers, each over stdio and the forms of HTTP that it offers. */
export const run = (
  servers: ReadonlyArray<Real>,
  probes: ReadonlyArray<Probe>
): Effect.Effect<ReadonlyArray<Column>, unknown> =>
  Effect.all(
    servers.flatMap((real) => [undefined, ...(real.overHttp ?? [])].map((http) => column(real, http, probes))),
    { concurrency: 4 }
  )

const head = `# What works with whom

Every method of \`McpClient\` on servers that people use, over each transport that they offer, as a run of
\`test/Matrix.live.test.ts\` found it. The test fails when a run finds anything else; \`npm run matrix\` writes this page.

- \`ok\`: the server answered, and the answer is what the method promises.
- \`not declared\`: the server did not declare the capability that the method needs, and the client refused to ask it.
- \`–\`: the server has nothing to try the method with. \`handlers.…\` are what a server asks its client, which few do.
- \`error\`: anything else.
`

/** The page, as `npm run format` would have it. */
export const render = (probes: ReadonlyArray<Probe>, columns: ReadonlyArray<Column>): string => {
  const methods = table([
    ["method", "needs", ...columns.map(({ server, transport }) => `${server}, ${transport}`)],
    ...probes.map(({ method, needs }, i) => [
      `\`${method}\``,
      needs === undefined ? "" : `\`${needs}\``,
      ...columns.map(({ cells }) => cells[i] ?? "")
    ])
  ])
  const servers = table([
    ["server", "transport", "says that it is", "protocol", "declares"],
    ...columns.map(({ declares, protocol, says, server, transport }) => [
      server,
      transport,
      says,
      protocol,
      declares.join(", ")
    ])
  ])
  return [head, methods, "## The servers\n", servers].join("\n")
}

const table = (rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(3, ...rows.map((row) => row[i]?.length ?? 0)))
  const line = (cells: ReadonlyArray<string>) => `| ${cells.join(" | ")} |\n`
  const [first = "", ...others] = rows.map((row) => line(row.map((text, i) => text.padEnd(widths[i] ?? 0))))
  return [first, line(widths.map((width) => "-".repeat(width))), ...others].join("")
}
