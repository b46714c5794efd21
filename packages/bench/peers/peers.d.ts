/**
 * The slices of the peers that the subjects here use: they are not installed where types are checked. Each says what the
 * peer's own declarations say, in the version of `package.json`.
 */

declare module "@langchain/mcp-adapters" {
  export class MultiServerMCPClient {
    constructor(config: {
      useStandardContentBlocks?: boolean
      mcpServers: Record<string, { url: string } | { transport: "stdio"; command: string; args: Array<string> }>
    })
    getTools(): Promise<Array<{ name: string; invoke: (input: object) => Promise<unknown> }>>
    close(): Promise<void>
  }
}

declare module "mcp-use" {
  export class MCPClient {
    constructor(config: { mcpServers: Record<string, { url: string } | { command: string; args?: Array<string> }> })
    createAllSessions(): Promise<unknown>
    getSession(name: string): {
      listTools(): Promise<unknown>
      callTool(name: string, args: Record<string, unknown>): Promise<unknown>
    } | null
    closeAllSessions(): Promise<void>
  }
}

declare module "@ai-sdk/mcp" {
  import type { Experimental_StdioMCPTransport } from "@ai-sdk/mcp/mcp-stdio"

  type Execute = (input: object, options: { toolCallId: string; messages: Array<never> }) => unknown
  export const createMCPClient: (config: {
    transport: { type: "http"; url: string } | Experimental_StdioMCPTransport
  }) => Promise<{
    tools(): Promise<Record<string, { execute: Execute }>>
    close(): Promise<void>
  }>
}

declare module "@ai-sdk/mcp/mcp-stdio" {
  export class Experimental_StdioMCPTransport {
    constructor(server: { command: string; args?: Array<string> })
    start(): Promise<void>
  }
}

declare module "@mastra/mcp" {
  export class MCPClient {
    constructor(options: { servers: Record<string, { url: URL } | { command: string; args?: Array<string> }> })
    getTools(): Promise<Record<string, { execute: (input: { context: object }) => Promise<unknown> }>>
    disconnect(): Promise<void>
  }
}

declare module "@openai/agents" {
  class Server {
    connect(): Promise<void>
    listTools(): Promise<unknown>
    callTool(name: string, args: Record<string, unknown> | null): Promise<unknown>
    close(): Promise<void>
  }
  export class MCPServerStdio extends Server {
    constructor(options: { command: string; args?: Array<string> })
  }
  export class MCPServerStreamableHttp extends Server {
    constructor(options: { url: string })
  }
}

declare module "mcporter" {
  type Command = { kind: "http"; url: URL } | { kind: "stdio"; command: string; args: Array<string>; cwd: string }
  export const createRuntime: (options: { servers: Array<{ name: string; command: Command }> }) => Promise<{
    listTools(server: string): Promise<unknown>
    callTool(server: string, tool: string, options: { args: Record<string, unknown> }): Promise<unknown>
    close(): Promise<void>
  }>
}

/** Effect 4, not the one that Mooring is built on. */
declare module "effect" {
  interface Effect<A> {
    readonly "~effect/Effect": A
  }
  interface Tag<A> extends Effect<A> {
    readonly key: string
  }
  interface Layer<Out, In = never> {
    readonly "~effect/Layer": [Out, In]
  }
  export const Layer: { provide: <Out, In>(self: Layer<Out, In>, that: Layer<In>) => Layer<Out> }
  export const ManagedRuntime: {
    make: <Out>(layer: Layer<Out>) => { runPromise: <A>(effect: Effect<A>) => Promise<A>; dispose: () => Promise<void> }
  }
}

declare module "effect/ai" {
  import type { Effect, Layer, Tag } from "effect"
  import type { HttpClient } from "effect/http"
  import type { Command, Spawner } from "effect/process"

  type Tool = { readonly name: string }
  type Client = {
    readonly listTools: () => Effect<ReadonlyArray<Tool>>
    readonly callTool: (params: { tool: Tool; arguments: object }) => Effect<unknown>
  }
  type Options = { name: string; version: string; protocol: Protocol }
  type Protocol = { readonly protocolVersion: string }
  export const McpClient: {
    McpClient: Tag<Client>
    layerHttp: (options: Options & { url: string }) => Layer<Client, HttpClient>
    layerStdio: (options: Options & { command: Command }) => Layer<Client, Spawner>
  }
  export const McpProtocol: { v2025_11_25: Protocol }
}

declare module "effect/http" {
  import type { Layer } from "effect"

  interface HttpClient {
    readonly "~effect/http/HttpClient": true
  }
  export const FetchHttpClient: { layer: Layer<HttpClient> }
}

declare module "effect/process" {
  interface Command {
    readonly "~effect/process/Command": true
  }
  interface Spawner {
    readonly "~effect/process/Spawner": true
  }
  export const ChildProcess: { make: (command: string, args: ReadonlyArray<string>) => Command }
}

declare module "@effect/platform-node/NodeServices" {
  import type { Layer } from "effect"
  import type { Spawner } from "effect/process"

  export const layer: Layer<Spawner>
}
