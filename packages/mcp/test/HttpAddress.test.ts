import { describe, expect, it } from "@effect/vitest"
import { HttpAddress } from "@mooring/mcp"
import * as Effect from "effect/Effect"
import { inspect } from "node:util"
import { answer, events, json, opened } from "./OpenedHttp.js"

describe("a URL", () => {
  const address = (url: string) => Effect.either(HttpAddress.make("web", { url }))

  it.effect("is shown without its credentials, however it is written", () =>
    Effect.gen(function* () {
      for (const before of ["https://", "https:/", "https:", "https:///", "https:\\\\", " https:\t//", "https:/\\"]) {
        const made = yield* address(`${before}ada:hunter22@mcp.example.org/mcp?key=hunter22#hunter22`)
        expect(made).toMatchObject({ _tag: "Right", right: { shown: "https://mcp.example.org/mcp" } })
      }
    })
  )

  it.effect("with a credential is refused where it would cross the network readable, however it is written", () =>
    Effect.gen(function* () {
      const refused = { _tag: "Left", left: { phase: "dial", retryable: false } }
      for (const url of [
        "http://ada:hunter22@mcp.example.org/",
        "http:/ada:hunter22@mcp.example.org/",
        "http:ada:hunter22@mcp.example.org/",
        "http:\\\\hunter22@mcp.example.org/",
        "http://mcp.example.org/?apiKey=hunter22",
        "http://mcp.example.org/?a=1&access_token=hunter22",
        // These are other machines, whatever their names say.
        "http://ada:hunter22@127.0.0.1.example.org/",
        "http://ada:hunter22@localhost.example.org/",
        "http://ada:hunter22@0.0.0.0/",
        "http://ada:hunter22@[::ffff:10.0.0.1]/",
        // Nothing keeps a resolver from asking the network for these.
        "http://ada:hunter22@mcp.localhost/",
        "http://ada:hunter22@localhost./"
      ]) {
        const made = yield* address(url)
        expect(made, url).toMatchObject(refused)
        expect(inspect(made, { depth: 9 })).not.toContain("hunter22")
      }
      for (const host of ["localhost", "LOCALHOST", "127.0.0.1", "127.1", "127.0.0.1.", "[::1]", "[0:0:0:0:0:0:0:1]"]) {
        expect((yield* address(`http://ada:hunter22@${host}/?key=1`))._tag, host).toBe("Right")
      }
      expect((yield* address("http://mcp.example.org/?page=1"))._tag).toBe("Right")
    })
  )
})

describe("a redirect", () => {
  const followed = (status: number, location: string) =>
    Effect.gen(function* () {
      const { ask, carrier, heard } = yield* opened((flown) => {
        if (flown.request.path === "/mcp") flown.respond(status, { location }).end()
        else flown.respond(200, json, answer(1)).end()
      })
      ask(1)
      return { heard, asked: carrier.flown.map(({ request }) => [request.method, request.path, request.body]) }
    })

  it.scoped("that keeps the method is followed within the origin, with the same message", () =>
    Effect.gen(function* () {
      for (const status of [307, 308]) {
        const { asked, heard } = yield* followed(status, "https://mcp.example.org/new?x=1#y")
        expect(asked.map(([method, path]) => [method, path])).toEqual([
          ["POST", "/mcp"],
          ["POST", "/new?x=1"]
        ])
        expect(asked[1]?.[2]).toBe(asked[0]?.[2])
        expect(heard.messages).toHaveLength(1)
      }
    })
  )

  it.scoped("that changes the method is not followed", () =>
    Effect.gen(function* () {
      for (const status of [300, 301, 302, 303, 304]) {
        const { asked, heard } = yield* followed(status, "/new")
        expect(asked).toHaveLength(1)
        expect(heard.failures).toMatchObject([{ status, delivery: "Unknown", fatal: false }])
        expect(heard.failures[0]?.reason).toContain(
          "a redirect to https://mcp.example.org/new that is not followed; give the final URL"
        )
      }
    })
  )

  it.scoped("to anything that is not the origin itself is not followed", () =>
    Effect.gen(function* () {
      for (const location of [
        "https://evil.example.org/",
        "//evil.example.org/",
        "http://mcp.example.org/",
        "https://mcp.example.org./",
        "https://mcp.example.org:8443/",
        "https://ada:b@mcp.example.org/",
        "https://mcp.example.org@evil.example.org/",
        "\\\\evil.example.org/",
        "blob:https://mcp.example.org/x",
        "data:application/json,{}",
        "https://[nonsense/",
        "http:"
      ]) {
        const { asked, heard } = yield* followed(307, location)
        expect(asked, location).toHaveLength(1)
        expect(heard.failures, location).toMatchObject([{ status: 307, fatal: false }])
      }
    })
  )
})

describe("an old server", () => {
  it.scoped("sends nobody but to the origin", () =>
    Effect.gen(function* () {
      const { carrier, heard, send } = yield* opened((flown) => {
        if (flown.request.method === "GET") {
          flown.respond(200, events, "event: endpoint\ndata: blob:https://mcp.example.org/x\n\n")
        } else flown.respond(405, {}).end()
      })
      send({ jsonrpc: "2.0", id: 0, method: "initialize" })
      expect(carrier.flown).toHaveLength(2)
      expect(heard.failures).toMatchObject([{ reason: expect.stringContaining("another origin"), fatal: true }])
    })
  )
})
