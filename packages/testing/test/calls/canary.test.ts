/** No secret that was configured is ever seen in an error, a log or a span, whatever the server makes of it. */
import { HttpClient, HttpClientError, HttpClientResponse } from "@effect/platform"
import { afterAll, describe, expect, it } from "@effect/vitest"
import { McpClient, McpHttp, McpMemory, McpPool, McpTool, type ServerConfig } from "@mooring/mcp"
import { VirtualTime } from "@mooring/testing"
import type { JSONRPCMessage, JSONRPCRequest } from "@modelcontextprotocol/sdk/types.js"
import { Cause, Effect, Exit, FastCheck as fc, Layer, Redacted, Schema } from "effect"
import { echoes, headerSecrets, secrets, showing, traces, watching, type Watched } from "./Canary.js"

const Look = McpTool.make("look", {
  parameters: { id: Schema.Int },
  success: McpTool.structured(Schema.Struct({ id: Schema.Int }))
})

/** What a server says when it is asked for something; `said` holds the secret. */
type Reply = (id: JSONRPCRequest["id"], said: string) => ReadonlyArray<unknown>

const jsonrpc = "2.0"
const content = [{ type: "text", text: "fine" }]
const good: Reply = (id) => [{ jsonrpc, id, result: { content, structuredContent: { id: 1 } } }]

const replies: Readonly<Record<string, Reply>> = {
  "a good answer": good,
  isError: (id, text) => [{ jsonrpc, id, result: { content: [{ type: "text", text }], isError: true } }],
  "a JSON-RPC error": (id, message) => [
    { jsonrpc, id, error: { code: -32000, message, data: { [message]: [message] } } }
  ],
  "a result that is not what was declared": (id, said) => [
    { jsonrpc, id, result: { content, structuredContent: { id: said, [said]: said } } }
  ],
  "a result that is not MCP": (id, said) => [{ jsonrpc, id, result: { content: [{ type: said, [said]: 1 }] } }],
  "an error that is not JSON-RPC": (id, said) => [{ jsonrpc, id, error: { code: said, message: said } }],
  "answers to nothing": (id, said) => [{ jsonrpc, id: said, result: { said } }, ...good(id, said)],
  "a request of its own": (id, said) => [{ jsonrpc, id: said, method: said, params: { said } }, ...good(id, said)],
  "log messages": (id, data) => [
    { jsonrpc, method: "notifications/message", params: { level: "error", data } },
    { jsonrpc, method: data },
    ...good(id, data)
  ],
  "no message at all": (id, said) => [said, { said }, [said], ...good(id, said)],
  nothing: () => []
}

const info = { capabilities: { tools: {} }, protocolVersion: "2025-06-18" }
const greetings: Readonly<Record<string, Reply>> = {
  "a good greeting": (id, name) => [
    { jsonrpc, id, result: { ...info, serverInfo: { name, version: name }, instructions: name } }
  ],
  "a refusal": (id, message) => [{ jsonrpc, id, error: { code: -32000, message, data: message } }],
  "another version": (id, protocolVersion) => [
    { jsonrpc, id, result: { ...info, protocolVersion, serverInfo: { name: "x", version: "1" } } }
  ],
  "no greeting": (id, said) => [{ jsonrpc, id, result: { [said]: said } }],
  junk: (_, said) => [said]
}

const named = <A>(all: Readonly<Record<string, A>>) => fc.constantFrom(...Object.keys(all))

interface Plan {
  readonly greeting: string
  /** The replies to calls, one after the other. */
  readonly calls: ReadonlyArray<string>
  readonly lists: string
}

const behaviours: fc.Arbitrary<Plan> = fc.record({
  greeting: fc.oneof(
    { weight: 4, arbitrary: fc.constant("a good greeting") },
    { weight: 1, arbitrary: named(greetings) }
  ),
  calls: fc.shuffledSubarray(Object.keys(replies), { minLength: 4, maxLength: 7 }),
  lists: named(replies)
})

/** What to say to a message. A call says which reply it wants. */
const speaker =
  ({ calls, greeting, lists }: Plan, said: () => string) =>
  (message: JSONRPCMessage): ReadonlyArray<unknown> => {
    if (!("method" in message) || !("id" in message)) return []
    if (message.method === "initialize") return greetings[greeting]?.(message.id, said()) ?? []
    const { id } = Schema.decodeUnknownSync(Asked)(message.params?.["arguments"] ?? {})
    const reply = message.method === "tools/call" ? calls[id ?? 0] : lists
    return replies[reply ?? "a good answer"]?.(message.id, said()) ?? []
  }

const Asked = Schema.Struct({ id: Schema.optional(Schema.Int) })

const settings = { callTimeout: "1 second", connectTimeout: "2 seconds", acquireTimeout: "3 seconds" } as const

/** Calls the server in every way, and gives where the secret shows. */
const search = (
  { calls }: Plan,
  layer: Layer.Layer<McpPool.McpPool, unknown>,
  tags: Set<string>
): Effect.Effect<ReadonlyArray<string>, unknown> => {
  const watched: Watched = { logs: [], spans: [] }
  const attempt = <A, E>(call: Effect.Effect<A, E>) =>
    Effect.map(Effect.exit(Effect.withSpan(call, "caller")), (exit) => {
      if (Exit.isSuccess(exit)) return []
      if (exit.cause._tag === "Fail") {
        const { error } = exit.cause
        if (typeof error === "object" && error !== null && "_tag" in error) tags.add(String(error._tag))
        return [...traces(error), Cause.pretty(exit.cause, { renderErrorCause: true })]
      }
      return traces(exit.cause)
    })
  return Effect.gen(function* () {
    const mcp = (yield* McpClient.McpClient).forPartition("ada")
    const told: Array<string> = []
    for (const id of calls.keys()) told.push(...(yield* attempt(mcp.call("eve", Look, { id }))))
    for (const id of calls.keys()) told.push(...(yield* attempt(mcp.callTool("eve", "look", { id }))))
    told.push(...(yield* attempt(mcp.listTools("eve"))))
    told.push(...(yield* attempt(mcp.ping("eve"))))
    return told
  }).pipe(
    Effect.provide(Layer.provide(McpClient.layer, layer)),
    (program) => watching(watched, VirtualTime.run(program)),
    Effect.map((told) => [
      ...showing(told).map((text) => `an error: ${text}`),
      ...showing(watched.logs).map((text) => `a log: ${text}`),
      ...showing(watched.spans).map((text) => `a span: ${text}`)
    ]),
    VirtualTime.fast
  )
}

const mustBeNothing = (found: ReadonlyArray<string>) => {
  if (found.length > 0) throw new Error(`it shows in\n${found.join("\n")}`)
}

const reached = new Set<string>()

describe("a secret that was configured is never seen in an error, a log or a span", () => {
  it.effect.prop(
    "of a server that repeats its environment in whatever it says",
    { plan: behaviours, secret: secrets, echo: echoes, redacted: fc.boolean() },
    ({ echo, plan, redacted, secret }) => {
      const speak = speaker(plan, () => echo(secret))
      const serve: McpMemory.Serve = (client) =>
        Effect.succeed({
          // A server in memory says what cannot be said, too.
          message: (message) => {
            for (const one of speak(message)) {
              if (typeof one === "string") client.junk(one)
              else client.send(one as JSONRPCMessage)
            }
          }
        })
      const env = { KEY: redacted ? Redacted.make(secret) : secret }
      const pool = McpPool.layer({ servers: { eve: { command: "eve", env, ...settings } } })
      return Effect.map(search(plan, Layer.provide(pool, McpMemory.layer({ eve: serve })), reached), mustBeNothing)
    },
    { fastCheck: { numRuns: 30 }, timeout: 300_000 }
  )

  type Headers = (secret: string) => { readonly url: string; readonly headers?: ServerConfig.HttpServer["headers"] }
  const url = "https://example.org/mcp"
  const credentials: Readonly<Record<string, Headers>> = {
    "a header": (secret) => ({ url, headers: { authorization: secret } }),
    "a header of another name": (secret) => ({ url, headers: { "x-key": Redacted.make(secret) } }),
    "a computed header": (secret) => ({ url, headers: () => Effect.succeed({ "x-key": Redacted.make(secret) }) }),
    "a header that is computed later": (secret) => ({
      url,
      headers: () => Effect.delay(Effect.succeed({ authorization: secret }), "10 millis")
    }),
    "the query": (secret) => ({ url: `${url}?key=${encodeURIComponent(secret)}` }),
    "the password": (secret) => ({ url: `https://eve:${encodeURIComponent(secret)}@example.org/mcp` })
  }

  /** How HTTP itself may go wrong. */
  const accidents = fc.constantFrom(
    "none",
    "none",
    "none",
    "401",
    "404",
    "500",
    "redirect",
    "no JSON",
    "cut",
    "refused"
  )

  it.effect.prop(
    "of a server that repeats its headers and address in whatever it answers over HTTP",
    {
      plan: behaviours,
      secret: headerSecrets,
      echo: echoes,
      where: named(credentials),
      accidents: fc.array(accidents, { maxLength: 2 })
    },
    ({ accidents, echo, plan, secret, where }) => {
      const said = () => echo(secret)
      const speak = speaker(plan, said)
      const remaining = [...accidents]
      const client = HttpClient.make((request) =>
        Effect.suspend((): Effect.Effect<HttpClientResponse.HttpClientResponse, HttpClientError.HttpClientError> => {
          const respond = (status: number, body: string | null, headers: Record<string, string> = {}) =>
            Effect.succeed(HttpClientResponse.fromWeb(request, new Response(body, { status, headers })))
          const body = request.body._tag === "Uint8Array" ? new TextDecoder().decode(request.body.body) : ""
          if (body === "") return respond(405, null)
          const message: JSONRPCMessage = JSON.parse(body)
          if (!("id" in message)) return respond(202, null)
          const answers = speak(message)
          const json = { "content-type": "application/json", "mcp-session-id": "session" }
          switch (remaining.shift()) {
            case "401":
            case "404":
            case "500":
              return respond(Number(accidents[accidents.length - remaining.length - 1]), said())
            case "redirect":
              return respond(307, null, { location: `/?${encodeURIComponent(secret)}` })
            case "no JSON":
              return respond(200, said(), json)
            case "cut":
              return Effect.fail(
                new HttpClientError.ResponseError({
                  request,
                  response: HttpClientResponse.fromWeb(request, new Response(said())),
                  reason: "Decode",
                  cause: new Error("terminated")
                })
              )
            case "refused":
              return Effect.fail(
                new HttpClientError.RequestError({ request, reason: "Transport", cause: new Error("ECONNREFUSED") })
              )
            default: {
              const events = answers.map((one) => `data: ${typeof one === "string" ? one : JSON.stringify(one)}\n\n`)
              return respond(200, events.join(""), { ...json, "content-type": "text/event-stream" })
            }
          }
        })
      )
      const eve = { ...credentials[where]?.(secret), ...settings, isolation: "perPartition" as const }
      const pool = McpPool.layer({ servers: { eve: { url, ...eve } } })
      const layer = Layer.provide(pool, McpHttp.layer).pipe(Layer.provide(Layer.succeed(HttpClient.HttpClient, client)))
      return Effect.map(search(plan, layer, reached), mustBeNothing)
    },
    { fastCheck: { numRuns: 30 }, timeout: 300_000 }
  )

  afterAll(() => {
    const errors = ["McpConnectError", "ToolFailed", "ProtocolError", "InvalidResult", "CallTimeout", "OutcomeUnknown"]
    expect(errors.filter((tag) => !reached.has(tag))).toEqual([])
  })
})
