import { describe, expect, it } from "@effect/vitest"
import { McpClient } from "@mooring/mcp"
import { NodeMcp } from "@mooring/node"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { readFileSync, writeFileSync } from "node:fs"
import process from "node:process"
import { servers } from "./fixtures/RealServer.js"
import { questions } from "./matrix/HandlerProbes.js"
import { cell, type Column, declared, render, run } from "./matrix/Matrix.js"
import { calls } from "./matrix/CallProbes.js"
import { notices } from "./matrix/NoticeProbes.js"
import { local } from "./matrix/Probe.js"
import { requests } from "./matrix/RequestProbes.js"
import { tasks } from "./matrix/TaskProbes.js"

/** Every method of the client, in the order of the page. */
const probes = [...calls, ...requests, ...tasks, ...notices, ...questions]
const page = new URL("../MATRIX.md", import.meta.url)

describe("the matrix of methods, servers and transports", () => {
  it.live("is what a run finds", () =>
    Effect.gen(function* () {
      const columns = yield* run(servers, probes)
      const found = render(probes, columns)
      // `npm run matrix` says so.
      if (process.env["MOORING_MATRIX"] === "write") writeFileSync(page, found)
      expect(found).toBe(readFileSync(page, "utf8"))
    })
  )

  it.effect("has every method of the client that asks a server", () =>
    Effect.gen(function* () {
      const client = yield* McpClient.McpClient
      const methods = probes.map(({ method }) => method).filter((method) => !method.startsWith("handlers."))
      const tried = new Set(methods.map((method) => method.split(" ")[0]))
      const all = Object.keys(client)
      expect(all.filter((method) => !tried.has(method) && !local.has(method))).toEqual([])
      expect([...tried, ...local].filter((method) => !all.includes(String(method)))).toEqual([])
    }).pipe(Effect.provide(NodeMcp.layer({ servers: {} })))
  )
})

describe("a cell", () => {
  const refused = Exit.fail({ _tag: "UnsupportedCapability" })

  it("is ok only where the server declared what the method needs and answered", () => {
    expect(cell(true, Exit.succeed(1))).toBe("ok")
    expect(cell(false, Exit.succeed(1))).toBe("error: not declared, and not refused")
  })

  it("is not an error only where the server did not declare it and the client refused it for that", () => {
    expect(cell(false, refused)).toBe("not declared")
    expect(cell(true, refused)).toBe("error: UnsupportedCapability")
    expect(cell(false, Exit.fail({ _tag: "CallTimeout" }))).toBe("error: CallTimeout")
    expect(cell(true, Exit.fail({ _tag: "CallTimeout" }))).toBe("error: CallTimeout")
    expect(cell(true, Exit.fail({ _tag: "NothingToTry" }))).toBe("–")
    expect(cell(false, Exit.fail({ _tag: "NothingToTry" }))).toBe("error: NothingToTry")
    expect(cell(true, Exit.die(new TypeError("no")))).toBe("error: TypeError: no")
  })

  it("knows capabilities within capabilities", () => {
    const capabilities = { tools: {}, resources: { subscribe: true, listChanged: false } }
    expect(declared(capabilities, undefined)).toBe(true)
    expect(declared(capabilities, "tools")).toBe(true)
    expect(declared(capabilities, "prompts")).toBe(false)
    expect(declared(capabilities, "resources.subscribe")).toBe(true)
    expect(declared(capabilities, "resources.listChanged")).toBe(false)
    expect(declared(capabilities, "tasks.list")).toBe(false)
  })
})

describe("the page", () => {
  it("shows each method in a row, each server over each transport in a column", () => {
    const common = { says: "a 1", protocol: "2025-11-25", declares: ["tools"] }
    const columns: ReadonlyArray<Column> = [
      { ...common, server: "a", transport: "stdio", cells: ["ok", "not declared"] },
      { ...common, server: "a", transport: "HTTP", cells: ["ok", "error: CallTimeout"] }
    ]
    const run = () => Effect.void
    const text = render(
      [
        { method: "ping", run },
        { method: "listTools", needs: "tools", run }
      ],
      columns
    )
    expect(text).toContain(
      [
        "| method      | needs   | a, stdio     | a, HTTP            |",
        "| ----------- | ------- | ------------ | ------------------ |",
        "| `ping`      |         | ok           | ok                 |",
        "| `listTools` | `tools` | not declared | error: CallTimeout |\n"
      ].join("\n")
    )
  })
})
