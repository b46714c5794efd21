/**
 * The contract that every connection keeps, whatever carries it: the session over a transport, as a list of cases to
 * be run by any test framework. It speaks to `ContractServer`. It is the second half of `TransportContract`, which
 * looks at the bare transport below. Each case opens what it needs in a scope of its own, and fails with a
 * `ContractBroken` that says what was expected. Deadlines in it are short, but of the clock that runs the case: run it
 * with real time.
 *
 * @since 0.1.0
 */
import { Answer, type McpConnection } from "@mooring/mcp"
import type { JSONRPCNotification, Progress } from "@modelcontextprotocol/sdk/types.js"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Predicate from "effect/Predicate"
import * as Scope from "effect/Scope"
import { type Case, ContractBroken, equal } from "./Contract.js"
import * as ContractServer from "./ContractServer.js"

/**
 * What is put to the test.
 *
 * @since 0.1.0
 * @category models
 */
export interface Subject<out E, out R> {
  /** Makes a connection, by `McpConnection.make`, to a `ContractServer` of its own. */
  readonly connect: Effect.Effect<McpConnection.McpConnection, E, R>
  /** The largest message that must pass in either direction. Bytes, default 8 MiB. */
  readonly maxBytes?: number | undefined
  /** Whether what the server says comes in that order, progress before the answer among it. Default true. */
  readonly ordered?: boolean | undefined
  /**
   * Whether the answer to a call that was cancelled can still come: not where each call has a stream of its own, which
   * ends with the cancellation. Default true.
   */
  readonly late?: boolean | undefined
}

type Connection = McpConnection.McpConnection

/**
 * Every case of the contract.
 *
 * @example
 * ```ts
 * import { it } from "@effect/vitest"
 * import { McpConnection, McpConnector, McpMemory, ServerKey } from "@mooring/mcp"
 * import { ConnectionContract, ContractServer } from "@mooring/testing"
 * import { Effect } from "effect"
 *
 * const connector = McpMemory.make({ contract: (client) => Effect.succeed(ContractServer.make(client)) })
 * const connect = McpConnection.make(ServerKey.shared("contract"), { command: "in-memory" }).pipe(
 *   Effect.provideService(McpConnector.McpConnector, connector)
 * )
 *
 * for (const { effect, title } of ConnectionContract.cases({ connect })) it.live(title, () => effect)
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const cases = <E, R>(
  subject: Subject<E, R>
): ReadonlyArray<Case<E | ContractBroken, Exclude<R, Scope.Scope>>> => {
  const { connect, late = true, maxBytes = 8 * 1024 * 1024, ordered = true } = subject

  /** A case with one connection. */
  const one = (title: string, run: (connection: Connection) => Effect.Effect<void, ContractBroken, Scope.Scope>) => ({
    title,
    effect: Effect.scoped(Effect.flatMap(connect, run))
  })
  /** A case that closes the connection itself, and then looks. `closes` are the reasons that `onClosed` was told. */
  const closing = (
    title: string,
    run: (
      connection: Connection,
      close: Effect.Effect<void>,
      closes: ReadonlyArray<string>
    ) => Effect.Effect<void, ContractBroken, Scope.Scope>
  ) => ({
    title,
    effect: Effect.scoped(
      Effect.gen(function* () {
        const scope = yield* Effect.acquireRelease(Scope.make(), (scope) => Scope.close(scope, Exit.void))
        const connection = yield* Scope.extend(connect, scope)
        const closes: Array<string> = []
        connection.onClosed((reason) => closes.push(reason))
        const close = Scope.close(scope, Exit.void)
        yield* run(connection, close, closes)
        yield* close
        yield* equal("how often the end was told", 1)(closes.length)
        yield* equal("isOpen", false)(connection.isOpen())
        yield* equal("what is pending", 0)(connection.pending())
        yield* equal("a call after the end", "ConnectionLost NotSent")(yield* outcome(call(connection, "echo")))
      })
    )
  })

  return [
    one("the handshake tells what the server is", ({ capabilities, instructions, protocolVersion, serverInfo }) =>
      Effect.gen(function* () {
        yield* equal("its name", "contract")(serverInfo.name)
        yield* equal("its tools", { listChanged: true })(capabilities.tools)
        yield* equal("its instructions", "Call its tools as ConnectionContract does.")(instructions)
        yield* equal("whether a revision was settled", true)(/^\d{4}-\d\d-\d\d$/.test(protocolVersion))
      })
    ),

    one("the tools of the server are listed", (connection) =>
      Effect.flatMap(orBroken("the list", connection.listTools), (tools) =>
        equal("the tools", [...ContractServer.tools])(tools.map(({ name }) => name))
      )
    ),

    one("a ping is answered", (connection) => Effect.asVoid(orBroken("the ping", connection.ping))),

    one("256 calls at once are answered each with its own", (connection) =>
      Effect.gen(function* () {
        const values = Array.from({ length: 256 }, (_, value) => ({ value }))
        const answers = yield* Effect.forEach(values, (args) => given(connection, "echo", args), {
          concurrency: "unbounded"
        })
        yield* equal("the answers", values)(answers)
        yield* equal("what is pending", 0)(connection.pending())
      })
    ),

    one("answers in another order than the calls find their calls", (connection) =>
      Effect.gen(function* () {
        const values = Array.from({ length: 16 }, (_, value) => ({ value }))
        const held = yield* Effect.fork(
          Effect.forEach(values, (args) => given(connection, "hold", args), { concurrency: "unbounded" })
        )
        yield* untilRunning(connection, "hold", values.length)
        yield* given(connection, "release")
        yield* equal("the answers", values)(yield* Fiber.join(held))
      })
    ),

    one("an error of the server is a ProtocolError with its code", (connection) =>
      Effect.flatMap(
        Effect.flip(
          Effect.mapError(connection.callTool("nothing"), (error) => ("code" in error ? error.code : error._tag))
        ),
        equal("the code", -32602)
      ).pipe(Effect.catchAll(() => new ContractBroken({ what: "the call", expected: "an error", found: "an answer" })))
    ),

    ...[1, 65_536, 1_048_576, maxBytes]
      .filter((size, i, sizes) => size <= maxBytes && sizes.indexOf(size) === i)
      .map((size) =>
        one(`a call of about ${size} bytes passes both ways`, (connection) =>
          Effect.gen(function* () {
            // Room for what stands around the value in the message.
            const length = Math.max(1, Math.min(size, maxBytes - 512))
            const value = "x".repeat(length)
            yield* equal("the length that arrived", { length })(yield* given(connection, "length", { value }))
            const back = yield* given(connection, "repeat", { text: "x", times: length })
            yield* equal("the value that came back", true)(back["value"] === value)
          })
        )
      ),

    one("every kind of text passes unharmed", (connection) =>
      Effect.forEach(
        [
          "line\nbreaks\r\n",
          "\u2028 and \u0000",
          "Grüße, 你好, مرحبا, 👩‍👩‍👧‍👦, 𝄞, e\u0301",
          "€𝄞é".repeat(40_000),
          "\ud800 alone"
        ],
        (value) => Effect.flatMap(given(connection, "echo", { value }), equal("the text", { value })),
        { discard: true }
      )
    ),

    ...(ordered
      ? [
          one("progress is heard in order and before the answer, though it comes with it", (connection) =>
            Effect.gen(function* () {
              const heard: Array<number> = []
              const onProgress = ({ progress }: Progress) => void heard.push(progress)
              yield* orBroken(
                "the call",
                connection.request("tools/call", { name: "progress", arguments: { steps: 5 } }, Answer.callTool, {
                  onProgress
                })
              )
              yield* equal("the progress", [1, 2, 3, 4, 5])(heard)
              yield* equal("progress of nobody", 0)(connection.counters.strayProgress)
            })
          )
        ]
      : []),

    one("interrupting a call cancels it at the server, and frees its place at once", (connection) =>
      Effect.gen(function* () {
        const fiber = yield* Effect.fork(call(connection, "wait"))
        yield* untilRunning(connection, "wait", 1)
        yield* Fiber.interrupt(fiber)
        yield* equal("what is pending", 0)(connection.pending())
        yield* untilCancelled(connection, ["wait"])
        yield* equal("what the server runs", [])((yield* given(connection, "seen"))["running"])
      })
    ),

    one("a call that is interrupted before it was sent is not run, or is cancelled", (connection) =>
      Effect.gen(function* () {
        const fiber = yield* Effect.fork(call(connection, "wait"))
        yield* Effect.yieldNow()
        yield* Fiber.interrupt(fiber)
        yield* equal("what is pending", 0)(connection.pending())
        yield* until(connection, ({ running }) => plainly(running, []))
      })
    ),

    one("an answer that comes after the cancellation is dropped, and counted if it arrives", (connection) =>
      Effect.gen(function* () {
        const fiber = yield* Effect.fork(call(connection, "deaf"))
        yield* untilRunning(connection, "deaf", 1)
        yield* Fiber.interrupt(fiber)
        yield* untilCancelled(connection, ["deaf"])
        if (late) yield* Effect.repeat(given(connection, "echo"), { until: () => connection.counters.late === 1 })
        yield* equal("a later answer", { value: 7 })(yield* given(connection, "echo", { value: 7 }))
      })
    ),

    one("a call that is not answered ends at its deadline, and is cancelled at the server", (connection) =>
      Effect.gen(function* () {
        const late = connection.callTool("wait", {}, { timeout: "50 millis" })
        yield* equal("the outcome", "CallTimeout Unknown")(yield* outcome(late))
        yield* equal("what is pending", 0)(connection.pending())
        yield* untilCancelled(connection, ["wait"])
      })
    ),

    one("the limit in all ends a call, too", (connection) =>
      Effect.flatMap(
        outcome(connection.callTool("wait", {}, { timeout: "1 minute", totalTimeout: "50 millis" })),
        equal("the outcome", "CallTimeout Unknown")
      )
    ),

    one("the server's ping is answered", (connection) =>
      Effect.flatMap(given(connection, "ask", { method: "ping" }), equal("what the client said", { result: {} }))
    ),

    one("what the client has no handler for is refused, and the connection goes on", (connection) =>
      Effect.gen(function* () {
        const sampling = { messages: [], maxTokens: 1 }
        for (const ask of [
          { method: "sampling/createMessage", params: sampling },
          {
            method: "elicitation/create",
            params: { message: "?", requestedSchema: { type: "object", properties: {} } }
          },
          { method: "roots/list" },
          { method: "no/such/method" }
        ]) {
          yield* equal(ask.method, { code: -32601 })(yield* given(connection, "ask", ask))
        }
        yield* equal("a later answer", { value: 1 })(yield* given(connection, "echo", { value: 1 }))
      })
    ),

    one("a change of the tools is heard", (connection) =>
      Effect.gen(function* () {
        const heard: Array<string> = []
        connection.onNotification(({ method }: JSONRPCNotification) => heard.push(method))
        yield* given(connection, "change")
        yield* Effect.repeat(given(connection, "echo"), { until: () => heard.length > 0 })
        yield* equal("what was heard", ["notifications/tools/list_changed"])(heard)
      })
    ),

    closing("closing an idle connection ends it", () => Effect.void),

    closing("closing right after a call was made ends the call once", (connection, close) =>
      Effect.gen(function* () {
        const fiber = yield* Effect.fork(outcome(call(connection, "wait")))
        yield* Effect.yieldNow()
        yield* close
        const found = yield* Fiber.join(fiber)
        yield* equal("whether it says that the connection was lost", true)(found.startsWith("ConnectionLost"))
      })
    ),

    closing("closing while calls are running ends each, and says that it may have run", (connection, close) =>
      Effect.gen(function* () {
        const calls = Array.from({ length: 20 }, () => outcome(call(connection, "wait")))
        const fiber = yield* Effect.fork(Effect.all(calls, { concurrency: "unbounded" }))
        yield* untilRunning(connection, "wait", calls.length)
        yield* close
        yield* equal("the outcomes", ["ConnectionLost Unknown"])([...new Set(yield* Fiber.join(fiber))])
      })
    ),

    closing("a server that exits ends each call, and the connection", (connection) =>
      Effect.gen(function* () {
        const fiber = yield* Effect.fork(outcome(call(connection, "wait")))
        yield* untilRunning(connection, "wait", 1)
        // A server may still say that it does not know the session any more, and so has run nothing.
        const last = yield* outcome(call(connection, "exit"))
        if (last !== "ConnectionLost NotSent") yield* equal("the call that ends it", "ConnectionLost Unknown")(last)
        yield* equal("the other call", "ConnectionLost Unknown")(yield* Fiber.join(fiber))
        yield* equal("isOpen", false)(connection.isOpen())
      })
    ),

    {
      title: "a connect that is interrupted ends",
      effect: Effect.gen(function* () {
        for (const turns of [0, 1, 10]) {
          const fiber = yield* Effect.fork(Effect.scoped(Effect.zipRight(connect, Effect.never)))
          for (let turn = 0; turn < turns; turn++) yield* Effect.yieldNow()
          yield* Fiber.interrupt(fiber)
        }
        // And the next one is none the worse for it.
        yield* Effect.scoped(
          Effect.flatMap(connect, (connection) =>
            Effect.flatMap(given(connection, "echo", { value: 1 }), equal("an answer", { value: 1 }))
          )
        )
      })
    }
  ]
}

const call = (
  connection: Connection,
  tool: (typeof ContractServer.tools)[number],
  args: Record<string, unknown> = {}
) => connection.callTool(tool, args)

/** What the tool gives. */
const given = (
  ...[connection, tool, args]: Parameters<typeof call>
): Effect.Effect<Readonly<Record<string, unknown>>, ContractBroken> =>
  Effect.map(orBroken(`the tool "${tool}"`, call(connection, tool, args)), (result) => result.structuredContent ?? {})

const orBroken = <A, E>(what: string, effect: Effect.Effect<A, E>): Effect.Effect<A, ContractBroken> =>
  Effect.mapError(effect, (error) => new ContractBroken({ what, expected: "an answer", found: String(error) }))

/** `answered`, or the error's tag and the delivery that it claims. */
const outcome = <A>(
  effect: Effect.Effect<A, { readonly _tag: string; readonly delivery?: unknown } | { readonly _tag: string }>
): Effect.Effect<string> =>
  Effect.match(effect, {
    onSuccess: () => "answered",
    onFailure: (error) => ("delivery" in error ? `${error._tag} ${String(error.delivery)}` : error._tag)
  })

/** Asks the server until what it has seen is so. */
const until = (
  connection: Connection,
  predicate: (seen: Readonly<Record<string, unknown>>) => boolean
): Effect.Effect<void, ContractBroken> => Effect.asVoid(Effect.repeat(given(connection, "seen"), { until: predicate }))

const untilRunning = (connection: Connection, tool: string, count: number) =>
  until(connection, ({ running }) =>
    plainly(
      running,
      Array.from({ length: count }, () => tool)
    )
  )

const untilCancelled = (connection: Connection, tools: ReadonlyArray<string>) =>
  until(connection, ({ cancelled }) => plainly(cancelled, tools))

const plainly = (found: unknown, expected: ReadonlyArray<string>): boolean =>
  Array.isArray(found) &&
  found.length === expected.length &&
  found.every((one, i) => Predicate.isString(one) && one === expected[i])
