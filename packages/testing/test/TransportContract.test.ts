import { describe, expect, it } from "@effect/vitest"
import { EchoServer, TransportContract } from "@mooring/testing"
import type { McpTransport } from "@mooring/mcp"
import { Effect } from "effect"

describe("the transport in memory keeps the contract", () => {
  for (const { effect, title } of TransportContract.cases(EchoServer.make())) it.effect(title, () => effect)
})

describe("the contract finds a transport that breaks it", () => {
  type Break = (transport: McpTransport.McpTransport) => McpTransport.McpTransport
  /** The titles of the cases that fail for a transport in memory with this flaw. */
  const broken = (flaw: Break) => {
    const echo = EchoServer.make()
    return Effect.map(
      Effect.forEach(
        TransportContract.cases({ ...echo, open: Effect.map(echo.open, flaw), maxBytes: 65_536 }),
        ({ effect, title }) => Effect.match(effect, { onFailure: () => [title], onSuccess: () => [] })
      ),
      (titles) => titles.flat()
    )
  }
  const receiving =
    (change: (receiver: McpTransport.Receiver) => McpTransport.Receiver): Break =>
    (transport) => ({ ...transport, start: (receiver) => transport.start(change(receiver)) })

  it.effect("one that says its end twice", () =>
    Effect.gen(function* () {
      const titles = yield* broken(
        receiving((receiver) => ({
          ...receiver,
          closed: (reason, cause) => {
            receiver.closed(reason, cause)
            receiver.closed(reason, cause)
          }
        }))
      )
      expect(titles).toContain("closing after the server has exited ends it once")
    })
  )

  it.effect("one that garbles text", () =>
    Effect.gen(function* () {
      const titles = yield* broken(
        receiving((receiver) => ({
          ...receiver,
          message: (message) => receiver.message(JSON.parse(JSON.stringify(message).replaceAll("€", "?")))
        }))
      )
      expect(titles).toEqual(["characters of several bytes pass wherever they are cut"])
    })
  )

  it.effect("one that says handed over too late", () =>
    Effect.gen(function* () {
      const titles = yield* broken((transport) => ({
        ...transport,
        send: ({ message, failed }) => transport.send({ message, failed, handedOver: false })
      }))
      expect(titles).toContain("an answered request was handed over, and did not fail")
      expect(titles).toContain("what was not handed over when the server ended was never read")
    })
  )

  it.effect("one that fails a message after the end", () =>
    Effect.gen(function* () {
      const titles = yield* broken((transport) => {
        let ended = false
        return {
          ...transport,
          start: (receiver) =>
            transport.start({
              ...receiver,
              closed: (reason) => {
                ended = true
                receiver.closed(reason)
              }
            }),
          send: (outgoing) => {
            if (ended) outgoing.failed({ reason: "closed", delivery: "NotSent", fatal: true })
            else transport.send(outgoing)
          }
        }
      })
      expect(titles).toEqual([
        "after closing a send does nothing",
        "after the end of the connection a send does nothing and nothing more is heard"
      ])
    })
  )
})
