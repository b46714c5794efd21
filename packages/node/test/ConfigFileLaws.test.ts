import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as Predicate from "effect/Predicate"
import { load, path } from "./config.js"

const quote = (text: string) => text.replaceAll("${", () => "$${")
const word = FastCheck.string({ minLength: 1, maxLength: 8 })
const anyText = FastCheck.string({
  maxLength: 12,
  unit: FastCheck.constantFrom("$", "{", "}", "A", ":", "-", '"', "\\", "é", " ")
})
const settings = FastCheck.record(
  {
    isolation: FastCheck.constantFrom("shared", "perPartition"),
    concurrency: FastCheck.integer({ min: 1, max: 64 }),
    min: FastCheck.integer({ min: 0, max: 3 }),
    max: FastCheck.integer({ min: 3, max: 9 }),
    callTimeout: FastCheck.oneof(FastCheck.nat(), FastCheck.constantFrom("30 seconds", "2 minutes"))
  },
  { requiredKeys: [] }
)
const stdioServer = FastCheck.record({
  command: anyText.filter((text) => text !== ""),
  args: FastCheck.array(anyText, { maxLength: 3 }),
  cwd: FastCheck.constantFrom("/", "/srv/data"),
  env: FastCheck.dictionary(FastCheck.stringMatching(/^\w{1,6}$/), anyText, { maxKeys: 3, noNullPrototype: true }),
  settings
})
const httpServer = FastCheck.record({
  url: FastCheck.stringMatching(/^(https:\/\/[a-z]{1,8}\.org|http:\/\/localhost)(:\d{2,4})?\/[\w?=&%]{0,8}$/),
  headers: FastCheck.dictionary(FastCheck.stringMatching(/^[\w-]{1,8}$/), anyText, {
    maxKeys: 3,
    noNullPrototype: true
  }),
  settings
})

/** Writes a server as a host would, with every text quoted. */
const write = (server: Readonly<Record<string, unknown>>): unknown => {
  const { settings, ...host } = server
  const quoted: unknown = JSON.parse(JSON.stringify(host), (_, value: unknown) =>
    typeof value === "string" ? quote(value) : value
  )
  return { ...(Predicate.isRecord(quoted) ? quoted : {}), mooring: settings, unknown: [1] }
}

describe("laws", () => {
  it.prop(
    "whatever servers are written to a file are the servers that it gives",
    [
      FastCheck.dictionary(word, FastCheck.oneof(stdioServer, httpServer), { maxKeys: 4, noNullPrototype: true }),
      FastCheck.constantFrom("mcpServers", "servers"),
      FastCheck.constantFrom(undefined, 2)
    ],
    ([servers, root, space]) => {
      const written = Object.fromEntries(Object.entries(servers).map(([name, server]) => [name, write(server)]))
      const text = JSON.stringify({ [root]: written, other: { keys: "are kept" } }, undefined, space)
      const expected = Object.entries(servers).map(([name, { settings, ...server }]) => [
        name,
        { ...server, ...settings }
      ])
      expect(Effect.runSync(load(text))).toEqual(Object.fromEntries(expected))
    }
  )

  it.prop(
    "whatever a file holds, it is read or refused with its name",
    [
      FastCheck.oneof(
        FastCheck.json({ maxDepth: 4 }),
        FastCheck.string(),
        FastCheck.json().map((text) => `{"servers": ${text}}`)
      )
    ],
    ([text]) => {
      const result = Effect.runSync(Effect.either(load(text)))
      if (Either.isLeft(result)) expect(result.left.message.startsWith(`${path}: `)).toBe(true)
      else expect(JSON.parse(text)).toHaveProperty(text.includes("mcpServers") ? "mcpServers" : "servers")
    }
  )
})
