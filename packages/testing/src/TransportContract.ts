/**
 * The contract that every transport keeps, as a list of cases to be run by any test framework. It speaks to a small
 * echo server (`EchoServer`) over the bare transport, without a handshake. Each case opens what it needs in a scope of
 * its own, sleeps nowhere, and fails with a `ContractBroken` that says what was expected.
 *
 * @since 0.1.0
 */
import type { McpError, McpTransport } from "@mooring/mcp"
import type { JSONRPCMessage } from "@modelcontextprotocol/sdk/types.js"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { type Case, type ContractBroken, equal } from "./Contract.js"
import * as Wire from "./Wire.js"

/**
 * What is put to the test: a way to open transports to an echo server, which answers
 *
 * | method | params | what it does |
 * | --- | --- | --- |
 * | `echo` | `{ value }` | answers `{ value }` |
 * | `length` | `{ value }` | answers `{ length }`: the length of the string in UTF-16 units |
 * | `repeat` | `{ text, times }` | answers `{ value }`: the text so many times |
 * | `burst` | `{ count }` | sends the notifications `burst` with `{ n }` from 0 up to `count − 1`, then answers `{}` |
 * | `junk` | – | sends something that is no message, then answers `{}` |
 * | `silence` | – | never answers |
 * | `exit` | `{ answer }` | answers `{}` if `answer` is true, then ends the connection and reads nothing more |
 *
 * `EchoServer` is one in memory.
 *
 * @since 0.1.0
 * @category models
 */
export interface Subject<out E, out R> {
  readonly open: Effect.Effect<McpTransport.McpTransport, E, R>
  /** The largest message that must pass in either direction. Bytes, default 8 MiB. */
  readonly maxBytes?: number | undefined
  /** Whether the transport can carry what is no message. Default true; HTTP cannot. */
  readonly junk?: boolean | undefined
  /** Whether what is sent arrives in order. Default true; over HTTP each message travels by itself. */
  readonly ordered?: boolean | undefined
  /** Whether the end of the server is heard by itself. Default true; over HTTP without a session, no request hears it. */
  readonly ends?: boolean | undefined
  /** The ids of requests that any of the echo servers has read; proves that what was not handed over was not read. */
  readonly read?: Effect.Effect<ReadonlyArray<unknown>> | undefined
}

/**
 * Every case of the contract.
 *
 * @example
 * ```ts
 * import { it } from "@effect/vitest"
 * import { EchoServer, TransportContract } from "@mooring/testing"
 *
 * for (const { effect, title } of TransportContract.cases(EchoServer.make())) {
 *   it.effect(title, () => effect)
 * }
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const cases = <E, R>(
  subject: Subject<E, R>
): ReadonlyArray<Case<E | ContractBroken | McpError.McpConnectError, Exclude<R, Scope.Scope>>> => {
  const wire = Wire.make(subject.open)
  const ordered = subject.ordered ?? true
  const maxBytes = subject.maxBytes ?? 8 * 1024 * 1024

  /** A case with one open transport. */
  const one = (title: string, run: (wire: Wire.Wire) => Effect.Effect<void, ContractBroken>) => ({
    title,
    effect: Effect.scoped(Effect.flatMap(wire, run))
  })
  /** A case that closes the transport itself, and then looks. */
  const closing = (
    title: string,
    run: (wire: Wire.Wire, close: Effect.Effect<void>) => Effect.Effect<void, ContractBroken>
  ) => ({
    title,
    effect: Effect.scoped(
      Effect.gen(function* () {
        const scope = yield* Effect.acquireRelease(Scope.make(), (scope) => Scope.close(scope, Exit.void))
        yield* run(yield* Scope.extend(wire, scope), Scope.close(scope, Exit.void))
      })
    )
  })

  return [
    one("a request is answered", (wire) =>
      Effect.flatMap(wire.ask("echo", { value: "hello" }), equal("the answer", { value: "hello" }))
    ),

    one("256 requests at once are answered each with its own, in order", (wire) =>
      Effect.gen(function* () {
        const numbers = Array.from({ length: 256 }, (_, n) => n)
        const answers = yield* Effect.forEach(numbers, (value) => wire.ask("echo", { value }), {
          concurrency: "unbounded"
        })
        yield* equal(
          "the answers",
          numbers.map((value) => ({ value }))
        )(answers)
        if (ordered) yield* equal("the order of the answers", numbers)(messages(wire).map(idOf))
      })
    ),

    one("a number and a string that look alike are two ids", (wire) =>
      Effect.gen(function* () {
        const answers = yield* Effect.all(
          [wire.ask("echo", { value: "number" }, 5), wire.ask("echo", { value: "string" }, "5")],
          { concurrency: "unbounded" }
        )
        yield* equal("the answers", [{ value: "number" }, { value: "string" }])(answers)
      })
    ),

    ...[1, 1023, 65_535, 65_536, 65_537, 1_048_576, maxBytes]
      .filter((size, i, sizes) => size <= maxBytes && sizes.indexOf(size) === i)
      .map((size) =>
        one(`a message of about ${size} bytes passes both ways`, (wire) =>
          Effect.gen(function* () {
            // Room for what stands around the value in the message.
            const length = Math.max(1, Math.min(size, maxBytes - 256))
            const value = "x".repeat(length)
            yield* equal("the length that arrived", { length })(yield* wire.ask("length", { value }))
            yield* equal("the value that came back", { value })(yield* wire.ask("repeat", { text: "x", times: length }))
            yield* equal("the value that was echoed", { value })(yield* wire.ask("echo", { value }))
          })
        )
      ),

    one("every kind of text passes unharmed", (wire) =>
      Effect.forEach(texts, (value) => Effect.flatMap(wire.ask("echo", { value }), equal("the text", { value })), {
        discard: true
      })
    ),

    one("characters of several bytes pass wherever they are cut", (wire) =>
      Effect.forEach(
        ["", "a", "ab", "abc"],
        (shift) => {
          const value = shift + "€𝄞é".repeat(40_000)
          return Effect.flatMap(wire.ask("echo", { value }), equal(`the text after ${shift.length} bytes`, { value }))
        },
        { discard: true }
      )
    ),

    one("what the server sends by itself arrives whole, in order, and before a later answer", (wire) =>
      Effect.gen(function* () {
        yield* wire.ask("burst", { count: 1000 })
        const expected = Array.from({ length: 1000 }, (_, n) => n)
        const found = messages(wire).slice(0, -1).map(burstOf)
        yield* equal("the notifications", expected)(found)
      })
    ),

    one("an answered request was handed over, and did not fail", (wire) =>
      Effect.gen(function* () {
        const sent = wire.request("echo", { value: 1 }, "handed")
        yield* wire.until((heard) => heard.length > 0)
        yield* equal("handedOver", true)(sent.handedOver)
        yield* equal("the failures", [])(sent.failures)
      })
    ),

    one("a message that is not JSON fails as not sent, and the connection goes on", (wire) =>
      Effect.gen(function* () {
        const sent = wire.request("echo", { value: 1n })
        yield* equal("the answer to another", { value: 2 })(yield* wire.ask("echo", { value: 2 }))
        yield* equal("handedOver", false)(sent.handedOver)
        yield* equal("the failures", ["NotSent"])(sent.failures.map((failure) => failure.delivery))
        yield* equal("unfit", [true])(sent.failures.map((failure) => failure.unfit))
      })
    ),

    one("an abandoned message that was not handed over is not sent, and says nothing", (wire) =>
      Effect.gen(function* () {
        const failures: Array<McpTransport.TransportFailure> = []
        const message: JSONRPCMessage = { jsonrpc: "2.0", id: "abandoned", method: "echo", params: { value: 1 } }
        const sent = { message, handedOver: false, abandoned: true, failed: failures.push.bind(failures) }
        wire.transport.send(sent)
        yield* wire.ask("echo", { value: 2 })
        yield* equal("what was answered", sent.handedOver ? 2 : 1)(wire.heard.length)
        yield* equal("the failures", [])(failures)
      })
    ),

    ...(subject.junk === false
      ? []
      : [
          one("what is no message is reported, and the connection goes on", (wire) =>
            Effect.gen(function* () {
              yield* wire.ask("junk")
              yield* equal("what was heard", ["Junk", "Message"])(wire.heard.map((what) => what._tag))
              yield* equal("the answer to another", { value: 2 })(yield* wire.ask("echo", { value: 2 }))
            })
          )
        ]),

    closing("closing before anything was sent ends it", (wire, close) => Effect.zipRight(close, quiet(wire))),

    closing("closing right after a send ends it, and nothing is heard any more", (wire, close) =>
      Effect.gen(function* () {
        wire.request("echo", { value: "x".repeat(100_000) })
        yield* close
        yield* quiet(wire)
      })
    ),

    closing("closing while requests are pending ends it, and nothing is heard any more", (wire, close) =>
      Effect.gen(function* () {
        yield* wire.ask("echo", { value: 1 })
        for (let n = 0; n < 20; n++) wire.request("silence")
        wire.request("burst", { count: 1000 })
        yield* close
        yield* quiet(wire)
      })
    ),

    closing("after closing a send does nothing", (wire, close) =>
      Effect.gen(function* () {
        yield* close
        const sent = wire.request("echo", { value: 1 })
        yield* Effect.yieldNow()
        yield* equal("handedOver", false)(sent.handedOver)
        yield* equal("the failures", [])(sent.failures)
        yield* quiet(wire)
      })
    ),

    ...(subject.ends === false
      ? []
      : [
          one("a server that exits is heard once, with a reason, after all that it said", (wire) =>
            Effect.gen(function* () {
              wire.request("silence")
              wire.request("burst", { count: 100 })
              // Where nothing is in order, the end is asked for after all else.
              if (!ordered) yield* wire.until((heard) => heard.length > 100)
              wire.request("exit", { answer: true })
              yield* equal("whether a reason was given", true)((yield* wire.closed).length > 0)
              yield* equal("the messages before the end", 102)(messages(wire).length)
              yield* equal("the last thing that was heard", "Closed")(wire.heard.at(-1)?._tag)
            })
          ),

          one("after the end of the connection a send does nothing and nothing more is heard", (wire) =>
            Effect.gen(function* () {
              wire.request("exit")
              yield* wire.closed
              const heard = wire.heard.length
              const sent = [wire.request("echo", { value: 1 }), wire.notify("late")]
              yield* Effect.yieldNow()
              yield* equal("handedOver", [false, false])(sent.map((one) => one.handedOver))
              yield* equal("the failures", [])(sent.flatMap((one) => one.failures))
              yield* equal("what was heard", heard)(wire.heard.length)
            })
          ),

          one("what was not handed over when the server ended was never read", (wire) =>
            Effect.gen(function* () {
              const before = Array.from({ length: 50 }, (_, n) => wire.request("echo", { value: n }, `before-${n}`))
              wire.request("exit")
              const after = Array.from({ length: 50 }, (_, n) => wire.request("echo", { value: n }, `after-${n}`))
              yield* wire.closed
              if (ordered) {
                const answered = new Set(messages(wire).map(idOf))
                yield* equal(
                  "the answers",
                  before.map((sent) => idOf(sent.message))
                )([...answered])
                yield* equal("handed over and answered", true)(before.every((sent) => sent.handedOver))
              }
              const read = new Set(yield* subject.read ?? Effect.succeed([]))
              const unread = [...before, ...after].filter((sent) => !sent.handedOver)
              yield* equal(
                "read although not handed over",
                []
              )(unread.map((sent) => idOf(sent.message)).filter((id) => read.has(id)))
            })
          ),

          closing("closing after the server has exited ends it once", (wire, close) =>
            Effect.gen(function* () {
              wire.request("exit")
              yield* wire.closed
              yield* close
              yield* quiet(wire)
            })
          ),

          closing("closing while the server exits ends it once", (wire, close) =>
            Effect.gen(function* () {
              yield* wire.ask("exit", { answer: true })
              yield* close
              yield* quiet(wire)
            })
          ),

          {
            title: "two transports are apart: the end of one is not heard on the other",
            effect: Effect.scoped(
              Effect.gen(function* () {
                const first = yield* wire
                const second = yield* wire
                first.request("exit")
                yield* first.closed
                yield* equal("the answer of the other", { value: 1 })(yield* second.ask("echo", { value: 1 }))
                yield* equal("what the other heard", 1)(second.heard.length)
              })
            )
          }
        ])
  ]
}

const texts = [
  "",
  "line\nbreaks\r\nand\ttabs",
  "\u2028 and \u2029 and \u0000 and \u007f",
  '"quotes" and \\backslashes\\',
  "Grüße, 你好, مرحبا, 👩‍👩‍👧‍👦, 𝄞, e\u0301",
  "\ud800 alone, and \udfff too",
  "\ufeff begins with a byte order mark",
  'data: {"jsonrpc":"2.0","id":0,"result":{}}\n\n',
  "Content-Length: 2\r\n\r\n{}"
]

const messages = (wire: Wire.Wire): ReadonlyArray<JSONRPCMessage> =>
  wire.heard.flatMap((what) => (what._tag === "Message" ? [what.message] : []))

const idOf = (message: JSONRPCMessage): unknown => ("id" in message ? message.id : undefined)

const burstOf = (message: JSONRPCMessage): unknown =>
  "method" in message && message.method === "burst" ? message.params?.["n"] : message

/** The transport has ended: it said so at most once, as the last thing, and says nothing after a turn of the host. */
const quiet = (wire: Wire.Wire): Effect.Effect<void, ContractBroken> =>
  Effect.gen(function* () {
    const before = wire.heard.length
    for (let turn = 0; turn < 100; turn++) yield* Effect.yieldNow()
    yield* equal("what was heard after closing", before)(wire.heard.length)
    const ends = wire.heard.filter((what) => what._tag === "Closed").length
    yield* equal("the ends that were heard", true)(ends <= 1)
    if (ends === 1) yield* equal("the last thing that was heard", "Closed")(wire.heard.at(-1)?._tag)
  })
