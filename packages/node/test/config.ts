/** What the tests of configuration files share: a file in memory, an environment, and what the file means in it. */
import * as NodePath from "@effect/platform-node/NodePath"
import { type McpError, ServerConfig } from "@mooring/mcp"
import { ConfigFile } from "@mooring/node"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"

export const path = "/home/ada/project/.mcp.json"
export const folder = "/home/ada/project"
const variables = {
  HOME: "/home/ada",
  TOKEN: "t0ken",
  GITHUB_TOKEN: "t0ken",
  EMPTY: "",
  HOST: "example.org",
  LIST: "a,b, c"
}

export const withVariables = (more: Readonly<Record<string, string>> = {}) =>
  Effect.withConfigProvider(
    ConfigProvider.fromMap(new Map(Object.entries({ ...variables, ...more })), { pathDelim: "\u0000" })
  )

export const textOf = (value: unknown) => (typeof value === "string" ? value : JSON.stringify(value))

/** What a file means, with secrets shown; or the message that it is refused with. */
export const load = (
  value: unknown,
  selection?: ConfigFile.Selection
): Effect.Effect<Readonly<Record<string, unknown>>, McpError.ConfigError> =>
  Effect.gen(function* () {
    const file = yield* ConfigFile.parse({ path, folder, text: textOf(value) })
    const servers = yield* ConfigFile.servers(file, selection)
    return Object.fromEntries([...servers].map(([name, config]) => [name, shown(config)]))
  }).pipe(withVariables(), Effect.provide(NodePath.layerPosix))

export const revealed = (values: Readonly<Record<string, string | Redacted.Redacted<string>>> | undefined) =>
  Object.fromEntries(Object.entries(values ?? {}).map(([name, value]) => [name, ServerConfig.reveal(value)]))

const shown = (config: ServerConfig.ServerConfig) =>
  ServerConfig.isStdio(config)
    ? { ...config, env: revealed(config.env) }
    : { ...config, headers: revealed(ServerConfig.configuredHeaders(config)) }

export const refusal = (value: unknown, selection?: ConfigFile.Selection): Effect.Effect<string, unknown> =>
  load(value, selection).pipe(
    Effect.flip,
    Effect.map((error) => error.message)
  )

export const one = (server: unknown) => ({ mcpServers: { memory: server } })
