import { once } from "node:events"
import { createServer } from "node:http"
import { fileURLToPath, pathToFileURL } from "node:url"
import { afterEach, describe, expect, it } from "vitest"
import { passed, problems, scenarios } from "../conformance/verdict.mjs"
import { run } from "../processes.mjs"

const path = (relative: string) => fileURLToPath(new URL(`../conformance/${relative}`, import.meta.url))

describe("what the conformance suite says", () => {
  it("is read: its scenarios, those about authorization apart", () => {
    const listing = [
      "Client scenarios (test against a client):",
      "  - initialize [2025-06-18,2025-11-25]",
      "  - auth/basic-cimd [2025-11-25]",
      "  - sse-retry [2025-11-25]"
    ].join("\n")
    expect(scenarios(listing)).toEqual({ wanted: ["initialize", "sse-retry"], authorization: ["auth/basic-cimd"] })
    expect(scenarios("Unknown command")).toEqual({ wanted: [], authorization: [] })
  })

  const success = { id: "one", status: "SUCCESS", description: "does one" } as const
  const skipped = { id: "two", status: "SKIPPED", description: "does two", errorMessage: "not now" } as const
  const failure = { id: "three", status: "FAILURE", description: "does three", errorMessage: "was late" } as const
  const warning = { id: "four", status: "WARNING", description: "does four" } as const

  it("passes where a check has passed, and none has not", () => {
    expect(problems(0, [success, skipped])).toEqual([])
    expect(passed([success, skipped])).toBe(1)
  })

  it("fails by every check that failed or warned, whatever the suite ended with", () => {
    const found = ["FAILURE three: was late", "WARNING four: does four"]
    expect(problems(1, [success, failure, warning])).toEqual(found)
    expect(problems(0, [success, failure, warning])).toEqual(found)
  })

  it("fails where nothing was looked at, and where the client failed though all checks passed", () => {
    expect(problems(0, undefined)).toHaveLength(1)
    expect(problems(0, [])).toEqual(["no check passed"])
    expect(problems(0, [skipped])).toEqual(["no check passed"])
    expect(problems(1, [success])).toHaveLength(1)
  })
})

describe("the servers of the suite", () => {
  it("listen on 127.0.0.1 however they are told to, and know their port at once", async () => {
    const program = `
      import { createServer } from "node:http"
      const ways = [[0], [0, "0.0.0.0"], [{ port: 0 }], [{ port: 0, host: "::" }], ["0"]]
      for (const [i, way] of ways.entries()) {
        const server = createServer().listen(...way, () => {
          console.log(i, server.address().address)
          server.close()
        })
        if (i === 0) console.log("at once", server.address().address, server.address().port > 0)
      }`
    const { code, stdout } = await run(process.execPath, [
      "--import",
      pathToFileURL(path("loopback.mjs")).href,
      "--input-type=module",
      "--eval",
      program
    ])
    const lines = stdout.trim().split("\n").sort()
    expect([code, ...lines]).toEqual([0, ...[0, 1, 2, 3, 4].map((i) => `${i} 127.0.0.1`), "at once 127.0.0.1 true"])
  })
})

describe("the client of the suite", () => {
  let close: () => void = () => {}
  afterEach(() => close())

  /** Runs a scenario against a server that adds like this; gives what the client ends with, and what it says. */
  const add = async (scenario: string, sum: (a: number, b: number) => number) => {
    const serve = (method: string, { arguments: args }: { readonly arguments?: { a: number; b: number } }) => {
      if (method === "tools/list") return { tools: [{ name: "add_numbers", inputSchema: { type: "object" } }] }
      if (method === "tools/call" && args !== undefined) {
        return { content: [{ type: "text", text: `The sum of ${args.a} and ${args.b} is ${sum(args.a, args.b)}` }] }
      }
      const serverInfo = { name: "adder", version: "1" }
      return { protocolVersion: "2025-11-25", serverInfo, capabilities: { tools: {} } }
    }
    const server = createServer((request, response) => {
      let body = ""
      request.on("data", (chunk: Buffer) => (body += chunk.toString()))
      request.on("end", () => {
        const { id, method, params } = JSON.parse(body)
        if (id === undefined) return void response.writeHead(202).end()
        response.writeHead(200, { "content-type": "application/json" })
        response.end(JSON.stringify({ jsonrpc: "2.0", id, result: serve(method, params ?? {}) }))
      })
    }).listen(0, "127.0.0.1")
    await once(server, "listening")
    close = () => {
      server.closeAllConnections()
      server.close()
    }
    const address = server.address()
    const port = typeof address === "object" ? address?.port : undefined
    return run(process.execPath, [path("client.mjs"), `http://127.0.0.1:${port}`], {
      env: { ...process.env, MCP_CONFORMANCE_SCENARIO: scenario },
      stdio: ["pipe", "pipe", "pipe"]
    })
  }

  it("ends with 0 when all is as it should be", async () => {
    expect(await add("tools_call", (a, b) => a + b)).toEqual({ code: 0, stdout: "", output: "" })
  })

  it("ends with 1 when an answer is not what it should be, and says so", async () => {
    const { code, output } = await add("tools_call", (a, b) => a - b)
    expect([code, output]).toEqual([1, expect.stringContaining("The sum of 5 and 3 is 2")])
  })

  it("ends with 1 when it does not know the scenario", async () => {
    const { code, output } = await add("time-travel", () => 0)
    expect([code, output]).toEqual([1, expect.stringContaining(`no scenario "time-travel"`)])
  })
})
