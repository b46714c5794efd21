/** Tenants over HTTP: what carries one tenant's credential never carries anything of another's. */
import { HttpClient, HttpClientResponse } from "@effect/platform"
import { describe, it } from "@effect/vitest"
import { McpClient, McpHttp, McpPool } from "@mooring/mcp"
import { CallSchedule, VirtualTime } from "@mooring/testing"
import { Effect, Exit, FastCheck as fc, Layer, Logger, LogLevel, Schema } from "effect"
import { asCaller, callerSeen } from "./Caller.js"
import { callers } from "./World.js"

const Message = Schema.parseJson(
  Schema.Struct({
    id: Schema.optional(Schema.Int),
    method: Schema.String,
    params: Schema.optional(
      Schema.Struct({ arguments: Schema.optional(Schema.Struct({ id: Schema.Int, who: Schema.String })) })
    )
  })
)

/** How one request goes; after these all go well. */
const accidents = fc.record({
  what: fc.constantFrom("fine", "fine", "session lost", "unavailable", "unauthorized", "never", "cut"),
  latency: fc.constantFrom(0, 0, 5, 300)
})

type Accidents = typeof accidents extends fc.Arbitrary<infer A> ? ReadonlyArray<A> : never

/** A server that knows its tenants by their tokens, and notes whatever of them meets. */
class Tenants {
  readonly wrong: Array<string> = []
  served = 0
  private readonly sessions = new Map<string, string>()
  private readonly accidents: Array<Accidents[number]>

  constructor(accidents: Accidents) {
    this.accidents = [...accidents]
  }

  readonly client: HttpClient.HttpClient = HttpClient.make((request) =>
    Effect.gen(this, function* () {
      const seen = yield* callerSeen
      this.note(seen.length > 0, `a request saw ${seen.join(" and ")}`)
      const respond = (status: number, body?: unknown, headers: Record<string, string> = {}) =>
        HttpClientResponse.fromWeb(
          request,
          new Response(body === undefined ? null : JSON.stringify(body), {
            status,
            headers: { "content-type": "application/json", ...headers }
          })
        )
      const tenant = /^Bearer (\w+)-\d+$/.exec(request.headers["authorization"] ?? "")?.[1] ?? "nobody"
      this.note(tenant === "nobody", "a request had no token")
      const session = request.headers["mcp-session-id"]
      const owner = session === undefined ? tenant : this.sessions.get(session)
      this.note(owner !== undefined && owner !== tenant, `the session of ${owner} carried a token of ${tenant}`)
      if (request.body._tag !== "Uint8Array") return respond(request.method === "DELETE" ? 200 : 405)
      const message = Schema.decodeUnknownSync(Message)(new TextDecoder().decode(request.body.body))
      if (message.id === undefined) return respond(202)

      const { latency = 0, what = "fine" } = this.accidents.shift() ?? {}
      yield* Effect.sleep(latency)
      if (what === "unavailable") return respond(503)
      if (what === "unauthorized") return respond(401)
      if (what === "never") return yield* Effect.never
      if (what === "session lost" && session !== undefined) {
        this.sessions.delete(session)
        return respond(404)
      }
      const answer = (result: unknown) => ({ jsonrpc: "2.0", id: message.id, result })
      if (message.method === "initialize") {
        const id = `${tenant}-${this.sessions.size}-${this.served++}`
        this.sessions.set(id, tenant)
        const serverInfo = { name: "tenants", version: "1.0.0" }
        const greeting = { protocolVersion: "2025-06-18", capabilities: { tools: {} }, serverInfo }
        return respond(200, answer(greeting), { "mcp-session-id": id })
      }
      const who = message.params?.arguments?.who ?? tenant
      this.note(who !== tenant, `a call of ${who} came with a token of ${tenant}`)
      this.served++
      // Each tenant is offered tools of its own.
      const tools = [{ name: `tool-of-${tenant}`, inputSchema: { type: "object" } }]
      const result = message.method === "tools/list" ? { tools } : { content: [{ type: "text", text: tenant }] }
      return what === "cut" ? respond(200, "half an ans") : respond(200, answer(result))
    })
  )

  private note(is: boolean, what: string): void {
    if (is) this.wrong.push(what)
  }
}

describe("tenants over HTTP", () => {
  it.effect.prop(
    "never meet: not in a token, a session, an answer, a list of tools, or what a credential is computed with",
    {
      accidents: fc.array(accidents, { maxLength: 25, size: "max" }),
      schedule: CallSchedule.arbitrary({
        who: callers,
        what: fc.constantFrom("call", "call", "list"),
        minCalls: 3,
        maxCalls: 25,
        within: "2 seconds"
      }),
      concurrency: fc.integer({ min: 1, max: 3 })
    },
    ({ accidents, concurrency, schedule }) => {
      const tenants = new Tenants(accidents)
      let tokens = 0
      const headers = ({ partition }: { readonly partition: string }) =>
        Effect.map(callerSeen, (seen) => {
          tenants.wrong.push(...seen.map((what) => `a credential of ${partition} was computed seeing ${what}`))
          // Another one each time.
          return { authorization: `Bearer ${partition}-${tokens++}` }
        })
      const servers = {
        tenants: {
          url: "https://tenants.example.org/mcp",
          isolation: "perPartition" as const,
          callTimeout: 1000,
          connectTimeout: 1000,
          acquireTimeout: 2000,
          concurrency,
          headers
        }
      }
      return Effect.gen(function* () {
        const mcp = yield* McpClient.McpClient
        const ended = yield* VirtualTime.run(
          CallSchedule.run(schedule, ({ id, timeout, what, who }) => {
            const call =
              what === "list"
                ? Effect.map(mcp.listTools("tenants"), (tools) => tools.map(({ name }) => name.replace("tool-of-", "")))
                : Effect.map(mcp.callTool("tenants", "whoami", { id, who }, { timeout }), ({ content }) =>
                    content.flatMap((block) => (block.type === "text" ? [block.text] : []))
                  )
            return call.pipe(McpClient.withPartition(who), asCaller(who))
          })
        )
        const foreign = ended.flatMap(({ call, exit }) => {
          const [owner] = Exit.isSuccess(exit) ? exit.value : [call.who]
          return owner === call.who ? [] : [`${call.who} got what is ${owner}'s (${call.what})`]
        })
        const wrong = [...tenants.wrong, ...foreign]
        if (wrong.length > 0) throw new Error(wrong.join("\n"))
      }).pipe(
        Effect.provide(
          McpClient.layer.pipe(
            Layer.provide(McpPool.layer({ servers })),
            Layer.provide(McpHttp.layer),
            Layer.provide(Layer.succeed(HttpClient.HttpClient, tenants.client))
          )
        ),
        Logger.withMinimumLogLevel(LogLevel.None),
        VirtualTime.fast
      )
    },
    { fastCheck: { numRuns: 30 }, timeout: 300_000 }
  )
})
