import { HttpClient, HttpClientError, HttpClientResponse } from "@effect/platform"
import { describe, expect, it } from "@effect/vitest"
import { McpClient, McpHttp, McpPool, McpTool, ServerConfig } from "@mooring/mcp"
import { Cause, Effect, Layer, Logger, LogLevel, Redacted, Schema } from "effect"
import { inspect } from "node:util"

const Look = McpTool.make("look", {
  parameters: {},
  success: McpTool.structured(Schema.Struct({ found: Schema.String }))
})
const url = "https://example.org/mcp"

type Answer = (secret: string) => Readonly<Record<string, unknown>>
type Reply = Effect.Effect<HttpClientResponse.HttpClientResponse, HttpClientError.HttpClientError>

/** Calls a server that answers so, whose headers are computed; and gives the error, and what was logged. */
const asked = (config: ServerConfig.HttpServer, answer: Answer | "broken") => {
  const logs: Array<string> = []
  const logger = Logger.make(({ cause, message }) => {
    logs.push(inspect([message, Cause.pretty(cause), cause], { depth: 10 }))
  })
  const client = HttpClient.make((request): Reply => {
    const respond = (body: unknown, status = 200) =>
      Effect.succeed(
        HttpClientResponse.fromWeb(
          request,
          new Response(body === undefined ? null : JSON.stringify(body), {
            status,
            headers: { "content-type": "application/json" }
          })
        )
      )
    const text = request.body._tag === "Uint8Array" ? new TextDecoder().decode(request.body.body) : "{}"
    const { id, method }: { readonly id?: number; readonly method?: string } = JSON.parse(text)
    if (id === undefined) return respond(undefined, 202)
    if (method === "initialize") {
      const serverInfo = { name: "eve", version: "1.0.0" }
      const result = { protocolVersion: "2025-06-18", capabilities: { tools: {} }, serverInfo }
      return respond({ jsonrpc: "2.0", id, result })
    }
    return answer === "broken"
      ? new HttpClientError.RequestError({ request, reason: "Transport", cause: new Error("other side closed") })
      : respond({ jsonrpc: "2.0", id, result: { content: [], ...answer(request.headers["x-key"] ?? "") } })
  })
  return Effect.flatMap(McpClient.McpClient, (mcp) => mcp.call("eve", Look, {})).pipe(
    Effect.flip,
    Effect.map((error) => ({ error, text: inspect(error, { depth: 10, showHidden: true }), logs: logs.join("\n") })),
    Effect.provide(
      McpClient.layer.pipe(
        Layer.provide(McpPool.layer({ servers: { eve: config } })),
        Layer.provide(McpHttp.layer),
        Layer.provide(Layer.succeed(HttpClient.HttpClient, client)),
        Layer.provideMerge(Logger.replace(Logger.defaultLogger, logger))
      )
    ),
    Logger.withMinimumLogLevel(LogLevel.All)
  )
}

describe("what must not be shown of a server over HTTP", () => {
  const computed: ServerConfig.HttpServer = {
    url,
    headers: () => Effect.succeed({ "x-key": Redacted.make("hunter2222") })
  }

  it("are its headers, the values of its query, and its password, as it is and as it is sent", () => {
    const config = { url: "https://eve:p%40ss@example.org/mcp?key=k1&other=k2", headers: { "X-Key": "k3" } }
    const basic = Buffer.from("eve:p@ss").toString("base64")
    expect(ServerConfig.secrets(config).toSorted()).toEqual(["k3", "k1", "k2", "p@ss", basic].toSorted())
    expect(ServerConfig.secrets({ url })).toEqual([])
  })

  it.effect("a computed header is hidden in what a tool says that it failed with", () =>
    Effect.gen(function* () {
      const said: Answer = (secret) => ({ isError: true, content: [{ type: "text", text: `${secret} is wrong` }] })
      const { error, text } = yield* asked(computed, said)
      expect(error).toMatchObject({ _tag: "ToolFailed", content: "«redacted» is wrong" })
      expect(text).not.toContain("hunter")
    })
  )

  it.effect("and in the names of a result that is not what was declared", () =>
    Effect.gen(function* () {
      const { error, text } = yield* asked(computed, (secret) => ({ structuredContent: { [secret]: 1 } }))
      expect(error._tag).toBe("InvalidResult")
      expect(text).not.toContain("hunter")
    })
  )

  it.effect("a request that fails leaves neither its headers nor its query in an error or a log", () =>
    Effect.gen(function* () {
      const config = { url: `${url}?key=hunter3333`, headers: { "X-Key": "hunter2222" } }
      const { error, logs, text } = yield* asked(config, "broken")
      expect(error._tag).toBe("OutcomeUnknown")
      expect(text).toContain("other side closed")
      expect(text).not.toContain("hunter")
      expect(logs).not.toContain("hunter")
    })
  )
})
