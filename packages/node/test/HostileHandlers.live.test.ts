/** A server over HTTP that asks without measure, and accepts no answer. */
import { describe, expect, it } from "@effect/vitest"
import { McpClient, McpHandlers, McpPool } from "@mooring/mcp"
import { NodeMcp } from "@mooring/node"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"

interface Hostile {
  readonly url: string
  /** Its tools are called: answers on the stream of each call. */
  readonly onCall: (call: (id: number, stream: ServerResponse) => void) => void
  /** Answers that have come, whether they were accepted or not. */
  readonly answers: ReadonlyArray<{ readonly id: unknown }>
}

const sse = (message: object): string => `event: message\ndata: ${JSON.stringify({ jsonrpc: "2.0", ...message })}\n\n`

const read = async (request: IncomingMessage): Promise<string> => {
  let body = ""
  for await (const chunk of request.setEncoding("utf8")) body += String(chunk)
  return body
}

/** `accepts`: whether it acknowledges what it is answered. */
const hostile = (accepts: boolean): Effect.Effect<Hostile, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.async<{ readonly server: ReturnType<typeof createServer>; readonly hostile: Hostile }>((resume) => {
        const answers: Array<{ readonly id: unknown }> = []
        let called = (_id: number, _stream: ServerResponse) => {}
        const serve = async (request: IncomingMessage, response: ServerResponse) => {
          if (request.method !== "POST") return response.writeHead(405).end()
          const message = JSON.parse(await read(request)) as { readonly id?: number; readonly method?: string }
          const { id, method } = message
          if (method === undefined) {
            answers.push({ id })
            return accepts ? response.writeHead(202).end() : undefined
          }
          if (id === undefined) return response.writeHead(202).end()
          if (method === "tools/call") {
            response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders()
            return called(id, response)
          }
          const result =
            method === "initialize"
              ? { protocolVersion: "2025-06-18", capabilities: { tools: {} }, serverInfo: { name: "h", version: "1" } }
              : {}
          return response
            .writeHead(200, { "content-type": "application/json" })
            .end(JSON.stringify({ jsonrpc: "2.0", id, result }))
        }
        const server = createServer((request, response) => void serve(request, response))
        server.listen(0, "127.0.0.1", () => {
          const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`
          resume(Effect.succeed({ server, hostile: { url, answers, onCall: (call) => (called = call) } }))
        })
      }),
      ({ server }) =>
        Effect.async<void>((resume) => {
          server.close(() => resume(Effect.void))
          server.closeAllConnections()
        })
    ),
    ({ hostile }) => hostile
  )

const until = (condition: () => boolean) =>
  Effect.repeat(Effect.sleep("10 millis"), { until: condition }).pipe(Effect.timeout("20 seconds"), Effect.orDie)

const sample = (id: number | string) => ({
  id,
  method: "sampling/createMessage",
  params: { messages: [{ role: "user", content: { type: "text", text: "x" } }], maxTokens: 1 }
})

const done = { content: [{ type: "text" as const, text: "done" }] }

describe("a hostile server over HTTP", () => {
  it.scopedLive("that asks ten thousand things at once, and takes no answer, holds up no call and leaves nothing", () =>
    Effect.gen(function* () {
      const { answers, onCall, url } = yield* hostile(false)
      let running = 0
      const counted = Effect.acquireUseRelease(
        Effect.sync(() => running++),
        () => Effect.never,
        () => Effect.sync(() => running--)
      )
      const handlers: McpHandlers.Handlers = { sampling: { createMessage: () => counted } }
      const connections: Array<{ readonly pending: () => number }> = []
      yield* Effect.gen(function* () {
        const mcp = yield* McpClient.McpClient
        const pool = yield* McpPool.McpPool
        pool.onConnection((connection) => connections.push(connection))
        let streams = 0
        onCall((id, stream) => {
          streams++
          if (streams > 1) return void stream.end(sse({ id, result: done }))
          for (let n = 0; n < 10_000; n++) stream.write(sse(sample(`q${n}`)))
        })
        const first = yield* Effect.fork(mcp.callTool("web", "x", {}, { handlers }))
        yield* until(() => running === 16 && answers.length > 0)
        // Others go on meanwhile, on the same connection.
        expect(yield* mcp.callTool("web", "x")).toMatchObject(done)
        yield* Fiber.interrupt(first)
        expect(running).toBe(0)
        expect(yield* mcp.callTool("web", "x")).toMatchObject(done)
        expect(connections.map(({ pending }) => pending())).toEqual([0])
        expect(yield* mcp.stats).toMatchObject({ leases: 0, open: 1 })
      }).pipe(
        Effect.provide(
          NodeMcp.layer({ servers: { web: { url, mayAsk: ["sampling"], max: 1 } } }).pipe(
            Layer.provide(McpHandlers.layer({}))
          )
        )
      )
    })
  )

  it.scopedLive(
    "that asks on the stream of one call after its answer, or for another's sake, has the one asked that it says",
    () =>
      Effect.gen(function* () {
        const { answers, onCall, url } = yield* hostile(true)
        const asked: Array<string> = []
        const by = (who: string): McpHandlers.Handlers => ({
          sampling: {
            createMessage: () => Effect.sync(() => (asked.push(who), McpHandlers.message(who, "")))
          }
        })
        const both = yield* Deferred.make<void>()
        const streams = new Map<number, ServerResponse>()
        onCall((id, stream) => {
          streams.set(id, stream)
          if (streams.size === 2) Effect.runSync(Deferred.succeed(both, undefined))
        })
        yield* Effect.gen(function* () {
          const mcp = yield* McpClient.McpClient
          const ada = yield* Effect.fork(mcp.callTool("web", "x", {}, { handlers: by("ada") }))
          yield* until(() => streams.size === 1)
          const bob = yield* Effect.fork(mcp.callTool("web", "x", {}, { handlers: by("bob") }))
          yield* Deferred.await(both)
          const [[one, adas], [two, bobs]] = [...streams] as [[number, ServerResponse], [number, ServerResponse]]
          // The answer of Ada's call, on Bob's stream, is nobody's; then hers, and a question after it.
          bobs.write(sse({ id: one, result: done }))
          bobs.write(sse(sample("of bob")))
          yield* until(() => answers.length === 1)
          adas.write(sse({ id: one, result: done }))
          adas.write(sse(sample("too late")))
          expect(yield* Fiber.join(ada)).toMatchObject(done)
          bobs.end(sse({ id: two, result: done }))
          expect(yield* Fiber.join(bob)).toMatchObject(done)
          adas.end()
          expect(asked).toEqual(["bob"])
        }).pipe(
          Effect.provide(
            NodeMcp.layer({ servers: { web: { url, mayAsk: ["sampling"], max: 1 } } }).pipe(
              Layer.provide(McpHandlers.layer(by("app")))
            )
          )
        )
      })
  )
})
