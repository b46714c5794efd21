import { describe, expect, it } from "@effect/vitest"
import { FetchHttpClient } from "@effect/platform"
import { NodeHttpClient } from "@effect/platform-node"
import { McpClient, type McpConnector, McpHttp, McpPool, McpTool, type ServerConfig } from "@mooring/mcp"
import { NodeConnector } from "@mooring/node"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { inspect } from "node:util"
import * as FaultyHttp from "./fixtures/FaultyHttp.js"

const carriers: Readonly<Record<string, Layer.Layer<McpConnector.McpConnector>>> = {
  sockets: NodeConnector.layer,
  fetch: McpHttp.layer.pipe(Layer.provide(FetchHttpClient.layer)),
  "node:http": McpHttp.layer.pipe(Layer.provide(NodeHttpClient.layer))
}

/** All of it holds `secret`; each of these says it to whom it was told in confidence. */
const confided: Readonly<Record<string, (url: string) => ServerConfig.HttpServer>> = {
  "a header": (url) => ({ url, headers: { Authorization: Redacted.make("Bearer hunter22-token") } }),
  "a computed header": (url) => ({
    url,
    headers: () => Effect.succeed({ Authorization: Redacted.make("Bearer hunter22-token") })
  }),
  "a password": (url) => ({ url: url.replace("//", "//ada:hunter22-token@") }),
  "a name without a password": (url) => ({ url: url.replace("//", "//hunter22-token@") }),
  "a query": (url) => ({ url: `${url}?key=hunter22-token` }),
  "a query without a value": (url) => ({ url: `${url}?hunter22-token` })
}

const ways: Readonly<Record<string, (said: string) => FaultyHttp.Behave>> = {
  "the text of a status": (said) => (_, socket) => void socket.write(FaultyHttp.status(400, "", said)),
  "an error of JSON-RPC with a status":
    (said) =>
    ({ id }, socket) =>
      void socket.write(FaultyHttp.status(403, "", JSON.stringify(refusal(id, said)))),
  "an error of JSON-RPC": (said) => (request, socket) => void socket.write(FaultyHttp.json(refusal(request.id, said))),
  "the text of a tool that failed":
    (said) =>
    ({ id }, socket) => {
      const result = { isError: true, content: [{ type: "text", text: said }] }
      socket.write(FaultyHttp.json({ jsonrpc: "2.0", id, result }))
    },
  "a result that is no result":
    (said) =>
    ({ id }, socket) =>
      void socket.write(FaultyHttp.json({ jsonrpc: "2.0", id, result: { content: { [said]: [] } } })),
  "a result of another form":
    (said) =>
    ({ id }, socket) => {
      const result = { content: [{ type: "text", text: said }], structuredContent: { [said]: said, n: said } }
      socket.write(FaultyHttp.json({ jsonrpc: "2.0", id, result }))
    },
  "a type of content": (said) => (_, socket) =>
    void socket.write(FaultyHttp.status(200, `content-type: ${said}\r\n`, said)),
  "events that are none": (said) => (_, socket) =>
    void socket.write(FaultyHttp.stream + FaultyHttp.chunk(`data: ${said}\n\n`) + FaultyHttp.lastChunk),
  "what is not HTTP": (said) => (_, socket) => void socket.end(`${said}\r\n\r\n`),
  "headers that are none": (said) => (_, socket) =>
    void socket.end(`HTTP/1.1 200 OK\r\n${said}: x y\r\n${said}\r\n\r\n`),
  "a redirect": (said) => (_, socket) =>
    void socket.write(FaultyHttp.status(307, `location: http://127.0.0.1:1/${encodeURIComponent(said)}\r\n`, said)),
  nothing: () => (_, socket) => FaultyHttp.reset(socket)
}

const basic = ["hunter22-token:", "ada:hunter22-token"].map((text) => Buffer.from(text).toString("base64"))
const secrets = ["hunter22", FaultyHttp.session, ...basic]

const refusal = (id: number | undefined, said: string) => ({
  jsonrpc: "2.0",
  id,
  error: { code: -32000, message: said, data: { [said]: said } }
})

const typed = McpTool.make("typed", {
  parameters: {},
  success: McpTool.structured(Schema.Struct({ n: Schema.Number }))
})

for (const [carrier, layer] of Object.entries(carriers)) {
  describe(`on ${carrier}, a server that repeats what it was told in confidence`, () => {
    for (const [what, configOf] of Object.entries(confided)) {
      it.live(`as ${what} has it hidden wherever it says so, in errors, their causes and the log`, () =>
        Effect.gen(function* () {
          let way: (said: string) => FaultyHttp.Behave = () => FaultyHttp.answer
          const server = yield* FaultyHttp.serve((request, socket) => {
            const told = `${request.headers.get("authorization") ?? ""} ${request.path}`
            const basic = /Basic (\S+)/.exec(told)?.[1] ?? ""
            const plain = Buffer.from(basic, "base64").toString()
            way(`${told.replace("/mcp", "")} ${plain} ${FaultyHttp.session} you said`)(request, socket)
          })
          const logged: Array<string> = []
          const log = Logger.make(({ cause, message }) => {
            logged.push(inspect(message, { depth: 20 }), Cause.pretty(cause), inspect(cause, { depth: 20 }))
          })
          yield* Effect.gen(function* () {
            const mcp = yield* McpClient.McpClient
            const leaks: Array<string> = []
            for (const [name, next] of Object.entries(ways)) {
              way = next
              const error = yield* Effect.flip(mcp.call("web", typed, {}))
              const shown = [error.message, inspect(error, { depth: 20, showHidden: true }), JSON.stringify(error)]
              if (shown.some((text) => secrets.some((secret) => text.includes(secret)))) leaks.push(name)
            }
            expect(leaks).toEqual([])
          }).pipe(
            Effect.provide(
              McpClient.layer.pipe(
                Layer.provide(
                  McpPool.layer({ servers: { web: { ...configOf(server.url), callTimeout: "10 seconds" } } })
                ),
                Layer.provide(layer),
                Layer.provide(Logger.replace(Logger.defaultLogger, log)),
                Layer.provide(Logger.minimumLogLevel(LogLevel.All))
              )
            )
          )
          expect(logged.filter((text) => secrets.some((secret) => text.includes(secret)))).toEqual([])
        }).pipe(Effect.scoped)
      )
    }
  })
}
