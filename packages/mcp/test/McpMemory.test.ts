import { describe, expect, it } from "@effect/vitest"
import { McpClient, McpConnector, McpError, McpMemory, McpPool, type McpTransport, ServerKey } from "@mooring/mcp"
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js"
import type { JSONRPCMessage } from "@modelcontextprotocol/sdk/types.js"
import { Deferred, Effect, Exit, Fiber, Layer, Queue, Scope, TestClock } from "effect"

const key = ServerKey.shared("echo")
const config = { command: "in-memory" }

const request = (id: number | string, params: Record<string, unknown> = {}): JSONRPCMessage => ({
  jsonrpc: "2.0",
  id,
  method: "echo",
  params
})

const outgoing = (message: JSONRPCMessage) => {
  const failures: Array<McpTransport.TransportFailure> = []
  const out: McpTransport.Outgoing & { readonly failures: typeof failures } = {
    message,
    handedOver: false,
    failed: (failure) => failures.push(failure),
    failures
  }
  return out
}

/** Answers each request with its own params; records what it was given. */
const echo =
  (seen: Array<JSONRPCMessage> = [], closed: Array<string> = []): McpMemory.Serve =>
  (client) =>
    Effect.succeed({
      message: (message) => {
        seen.push(message)
        if ("id" in message && "method" in message) {
          client.send({ jsonrpc: "2.0", id: message.id, result: { ...message.params } })
        }
      },
      closed: () => closed.push("closed")
    })

/** A client that waits for what it is sent. */
const connect = (serve: McpMemory.Serve) =>
  Effect.gen(function* () {
    const connector = yield* McpConnector.McpConnector
    const transport = yield* connector.open(key, config)
    const inbox = yield* Queue.unbounded<JSONRPCMessage>()
    const ended = yield* Deferred.make<string>()
    const log: Array<string> = []
    yield* transport.start({
      message: (message) => {
        log.push("message")
        inbox.unsafeOffer(message)
      },
      junk: (reason) => log.push(`junk: ${reason}`),
      closed: (reason) => {
        log.push(`closed: ${reason}`)
        Deferred.unsafeDone(ended, Effect.succeed(reason))
      }
    })
    return { transport, inbox, ended, log }
  }).pipe(Effect.provide(McpMemory.layer({ echo: serve })))

/** Gives the server of a connection to the test. */
const held = () => {
  const clients: Array<McpMemory.ClientEnd> = []
  const serve =
    (inner: McpMemory.Serve): McpMemory.Serve =>
    (client) => {
      clients.push(client)
      return inner(client)
    }
  const client = (): McpMemory.ClientEnd => {
    const last = clients.at(-1)
    if (last === undefined) throw new Error("no connection was taken")
    return last
  }
  return { serve, client, clients }
}

describe("McpMemory", () => {
  it.scoped("an answer comes back without any time passing", () =>
    Effect.gen(function* () {
      const { transport, inbox } = yield* connect(echo())
      transport.send(outgoing(request(1, { value: "x" })))
      expect(yield* Queue.take(inbox)).toEqual({ jsonrpc: "2.0", id: 1, result: { value: "x" } })
      expect(yield* TestClock.currentTimeMillis).toBe(0)
    })
  )

  it.scoped("nothing is delivered within the send itself, and everything in order", () =>
    Effect.gen(function* () {
      const seen: Array<JSONRPCMessage> = []
      const { transport, inbox } = yield* connect(echo(seen))
      for (let id = 0; id < 256; id++) transport.send(outgoing(request(id)))
      expect(seen).toEqual([])
      const answers = yield* Queue.takeN(inbox, 256)
      expect([...answers].map((answer) => ("id" in answer ? answer.id : undefined))).toEqual(
        Array.from({ length: 256 }, (_, id) => id)
      )
    })
  )

  it.scoped("no object crosses: what is changed after the send does not arrive", () =>
    Effect.gen(function* () {
      const seen: Array<JSONRPCMessage> = []
      const { transport, inbox } = yield* connect(echo(seen))
      const params = { list: [1], absent: undefined }
      const message = request(1, params)
      transport.send(outgoing(message))
      params.list.push(2)
      yield* Queue.take(inbox)
      expect(seen).toStrictEqual([{ jsonrpc: "2.0", id: 1, method: "echo", params: { list: [1] } }])
    })
  )

  it.scoped("a message is handed over when the server takes it, not before", () =>
    Effect.gen(function* () {
      const { transport, inbox } = yield* connect(echo())
      const out = outgoing(request(1))
      transport.send(out)
      expect(out.handedOver).toBe(false)
      yield* Queue.take(inbox)
      expect(out.handedOver).toBe(true)
    })
  )

  it.scoped("what is not JSON is refused as not sent, and the connection goes on", () =>
    Effect.gen(function* () {
      const { transport, inbox } = yield* connect(echo())
      const out = outgoing(request(1, { big: 1n }))
      transport.send(out)
      expect(out.failures).toMatchObject([{ delivery: "NotSent", fatal: false }])
      expect(out.handedOver).toBe(false)
      transport.send(outgoing(request(2)))
      expect(yield* Queue.take(inbox)).toMatchObject({ id: 2 })
    })
  )

  it.scoped("a server that closes is seen after everything that it said", () =>
    Effect.gen(function* () {
      const server = held()
      const { ended, log } = yield* connect(server.serve(echo()))
      server.client().send({ jsonrpc: "2.0", method: "notifications/last" })
      server.client().junk("not json")
      server.client().close("gone")
      server.client().send({ jsonrpc: "2.0", method: "notifications/late" })
      server.client().close("gone again")
      expect(yield* Deferred.await(ended)).toBe("gone")
      yield* TestClock.adjust("1 second")
      expect(log).toEqual(["message", "junk: not json", "closed: gone"])
    })
  )

  it.scoped("what the server had not taken when it closed is never delivered and stays not sent", () =>
    Effect.gen(function* () {
      const server = held()
      const seen: Array<JSONRPCMessage> = []
      const { transport, ended } = yield* connect(server.serve(echo(seen)))
      const before = outgoing(request(1))
      transport.send(before)
      server.client().close("gone")
      const between = outgoing(request(2))
      transport.send(between)
      yield* Deferred.await(ended)
      const after = outgoing(request(3))
      transport.send(after)
      yield* TestClock.adjust("1 second")
      expect(seen).toEqual([])
      expect([before, between, after].map((out) => out.handedOver)).toEqual([false, false, false])
      expect([before, between, after].flatMap((out) => out.failures)).toEqual([])
    })
  )

  it.effect("a client that closes is seen by the server once, and is told itself once", () =>
    Effect.gen(function* () {
      const closed: Array<string> = []
      const seen: Array<JSONRPCMessage> = []
      const scope = yield* Scope.make()
      const { transport, log } = yield* connect(echo(seen, closed)).pipe(Scope.extend(scope))
      const out = outgoing(request(1))
      transport.send(out)
      yield* Scope.close(scope, Exit.void)
      yield* TestClock.adjust("1 second")
      expect(closed).toEqual(["closed"])
      expect(seen).toEqual([])
      expect(out.handedOver).toBe(false)
      expect(log).toEqual(["closed: the client closed the connection"])
    })
  )

  it.scoped("a server that throws ends its connection, and only the rest is not sent", () =>
    Effect.gen(function* () {
      const { transport, ended } = yield* connect(() =>
        Effect.succeed({
          message: () => {
            throw new Error("bug")
          }
        })
      )
      const first = outgoing(request(1))
      const second = outgoing(request(2))
      transport.send(first)
      transport.send(second)
      expect(yield* Deferred.await(ended)).toBe("the server crashed")
      expect([first.handedOver, second.handedOver]).toEqual([true, false])
    })
  )

  it.scoped("a refused message is told to its sender alone, and others go on", () =>
    Effect.gen(function* () {
      const seen: Array<JSONRPCMessage> = []
      const { transport, inbox, log } = yield* connect((client) =>
        Effect.map(echo(seen)(client), (end) => ({
          ...end,
          admit: (message) =>
            "id" in message && message.id === 1 ? { reason: "down", delivery: "NotSent", fatal: false } : undefined
        }))
      )
      const refused = outgoing(request(1))
      transport.send(refused)
      transport.send(outgoing(request(2)))
      expect(yield* Queue.take(inbox)).toMatchObject({ id: 2 })
      expect(refused).toMatchObject({ handedOver: false, failures: [{ reason: "down" }] })
      expect(seen).toHaveLength(1)
      expect(log).toEqual(["message"])
    })
  )

  it.scoped("a server that closes while it is asked to take a message leaves it not sent", () =>
    Effect.gen(function* () {
      const { transport, ended } = yield* connect((client) =>
        Effect.succeed({
          admit: () => {
            client.close("died")
            return undefined
          },
          message: () => {}
        })
      )
      const out = outgoing(request(1))
      transport.send(out)
      expect(yield* Deferred.await(ended)).toBe("died")
      expect(out.handedOver).toBe(false)
    })
  )

  it.scoped("a server that closes before the client has started is seen at the start", () =>
    Effect.gen(function* () {
      const { ended, log } = yield* connect((client) => {
        client.send({ jsonrpc: "2.0", method: "notifications/hello" })
        client.close("at once")
        return Effect.succeed({ message: () => {} })
      })
      expect(yield* Deferred.await(ended)).toBe("at once")
      expect(log).toEqual(["message", "closed: at once"])
    })
  )

  it.effect("the scope of the server closes with the connection, after it was told", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      yield* Effect.scoped(
        connect(() =>
          Effect.acquireRelease(Effect.succeed({ message: () => {}, closed: () => log.push("closed") }), () =>
            Effect.sync(() => log.push("released"))
          )
        )
      )
      expect(log).toEqual(["closed", "released"])
    })
  )

  it.effect("interrupting a connect that hangs releases what the server had begun", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const begun = yield* Deferred.make<void>()
      const fiber = yield* Effect.fork(
        Effect.scoped(
          connect(() =>
            Effect.acquireRelease(Deferred.succeed(begun, undefined), () =>
              Effect.sync(() => log.push("released"))
            ).pipe(Effect.zipRight(Effect.never))
          )
        )
      )
      yield* Deferred.await(begun)
      yield* Fiber.interrupt(fiber)
      expect(log).toEqual(["released"])
    })
  )

  it.scoped("connections are counted from 1 and are apart from each other", () =>
    Effect.gen(function* () {
      const server = held()
      const connector = McpMemory.make({ echo: server.serve(echo()) })
      yield* connector.open(key, config)
      yield* connector.open(new ServerKey.ServerKey({ server: "echo", partition: "user-1" }), config)
      expect(server.clients.map((client) => [client.connection, client.key.toString()])).toEqual([
        [1, "echo"],
        [2, "echo/user-1"]
      ])
      server.client().close("gone")
      expect(server.clients.map((client) => client.isOpen())).toEqual([true, false])
    })
  )

  it.scoped("a name that is not there fails for good and says which are", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(McpMemory.make({ echo: echo() }).open(ServerKey.shared("__proto__"), config))
      expect(error).toMatchObject({ _tag: "McpConnectError", retryable: false })
      expect(error.message).toContain('"echo"')
    })
  )

  it.scoped("a server can refuse its connections", () =>
    Effect.gen(function* () {
      const refusing = McpMemory.make({ echo: McpMemory.refusing("down for repair") })
      const error = yield* Effect.flip(refusing.open(key, config))
      expect(error).toBeInstanceOf(McpError.McpConnectError)
      expect(error).toMatchObject({ phase: "dial", reason: "down for repair", retryable: true })
    })
  )
})

describe("McpMemory.fromSdk", () => {
  const sdk = () => {
    const server = new McpServer({ name: "sdk", version: "1.0.0" })
    server.registerTool("hello", {}, () => ({ content: [{ type: "text", text: "hello" }] }))
    return server
  }
  const initialize: JSONRPCMessage = {
    jsonrpc: "2.0",
    id: 0,
    method: "initialize",
    params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "test", version: "1" } }
  }

  it.scoped("an SDK server shakes hands and runs its tools", () =>
    Effect.gen(function* () {
      const { transport, inbox } = yield* connect(McpMemory.fromSdk(sdk))
      transport.send(outgoing(initialize))
      expect(yield* Queue.take(inbox)).toMatchObject({ id: 0, result: { serverInfo: { name: "sdk" } } })
      transport.send(outgoing({ jsonrpc: "2.0", method: "notifications/initialized" }))
      transport.send(
        outgoing({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "hello", arguments: {} } })
      )
      expect(yield* Queue.take(inbox)).toMatchObject({ id: 1, result: { content: [{ text: "hello" }] } })
    })
  )

  it.effect("the client calls the tools of an SDK server through the pool", () =>
    Effect.gen(function* () {
      const mcp = yield* McpClient.McpClient
      expect((yield* mcp.listTools("sdk")).map(({ name }) => name)).toEqual(["hello"])
      expect(yield* mcp.callTool("sdk", "hello")).toMatchObject({ content: [{ text: "hello" }] })
    }).pipe(
      Effect.provide(
        McpClient.layer.pipe(
          Layer.provide(McpPool.layer({ servers: { sdk: config } })),
          Layer.provide(McpMemory.layer({ sdk: McpMemory.fromSdk(sdk) }))
        )
      )
    )
  )

  it.scoped("an SDK server that closes is seen by the client", () =>
    Effect.gen(function* () {
      const servers: Array<McpServer> = []
      const { ended } = yield* connect(
        McpMemory.fromSdk(() => {
          const server = sdk()
          servers.push(server)
          return server
        })
      )
      yield* Effect.promise(() => Promise.all(servers.map((server) => server.close())))
      expect(yield* Deferred.await(ended)).toBe("the server closed the connection")
    })
  )

  it.effect("an SDK server learns that its client has closed", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      yield* Effect.scoped(
        connect(
          McpMemory.fromSdk(() => {
            const server = sdk()
            server.server.onclose = () => log.push("closed")
            return server
          })
        )
      )
      expect(log).toEqual(["closed"])
    })
  )

  it.scoped("a server that cannot be made refuses the connection", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(
        connect(
          McpMemory.fromSdk(() => {
            throw new Error("no database")
          })
        )
      )
      expect(error).toMatchObject({ _tag: "McpConnectError", phase: "spawn" })
      expect(error.message).toContain("no database")
    })
  )
})
