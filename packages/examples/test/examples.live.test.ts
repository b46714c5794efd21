import { describe, expect, it } from "vitest"
import { execFile } from "node:child_process"
import { readdirSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))

/** What each example prints. They run as they are built, from this package's folder, where npx finds their servers. */
const printed: Readonly<Record<string, ReadonlyArray<string>>> = {
  "first-call": ["[ { type: 'text', text: 'Echo: hello' } ]", "true"],
  "typed-tools": [
    "The sum of 20 and 22 is 42.",
    "Light rain / drizzle, 36 degrees",
    "get-structured-content gives no forecast"
  ],
  pipeline: ["3 notes are remembered"],
  session: ["the sums are 6 and 30", "the conversation is at 11"],
  subscription: ["Subscribed", "Updated", "logged at info", "1 of 2", "2 of 2", "done"],
  tenants: ["Bearer token-of-ada", "Bearer token-of-bob"],
  retry: [
    "perhaps paid: look at the account",
    "the balance was read",
    "the balance was read, the second time in time",
    "the bank has paid 1 time"
  ],
  reload: [
    "Bearer first",
    'replaced "notes"',
    "Bearer second",
    "servers.notes.url: expected an address that begins with http:// or https://, found one that begins with neither",
    "Bearer second",
    'removed "notes"',
    'there is no "notes" any more'
  ],
  reconcile: ["receipt of seven", "receipt of eight", "payments made: 2"],
  sampling: [
    "everything asks for a model ",
    "a haiku on tides, in 50 tokens",
    "everything asks for a model ",
    "MCP error -1: User rejected sampling request"
  ],
  elicitation: [
    "tickets asks: Who travels on the night ferry?",
    'Name []: Seats [2]: content["seats"]: does not keep to its maximum',
    "Name []: Seats [2]: 2 seats for Ada"
  ]
}

/** What is typed into an example, a line whenever it waits for one. */
const typed: Readonly<Record<string, ReadonlyArray<string>>> = { elicitation: ["Ada", "9", "Ada", ""] }

const examples = readdirSync(path("../src"))
  .filter((file) => file.endsWith(".ts"))
  .map((file) => file.replace(".ts", ""))

describe("the examples", () => {
  it("are all run here, and named in the README", () => {
    expect(Object.keys(printed).toSorted()).toEqual(examples.toSorted())
    const readme = readFileSync(path("../README.md"), "utf8")
    expect(examples.filter((name) => !readme.includes(`src/${name}.ts`))).toEqual([])
  })

  it("are short", () => {
    const files = [...examples.map((name) => `../src/${name}.ts`), "your-own-code.test.ts"]
    for (const file of files) expect(readFileSync(path(file), "utf8").split("\n").length, file).toBeLessThanOrEqual(60)
  })

  for (const [name, lines] of Object.entries(printed)) {
    it(`${name} prints what it should, and ends well`, async () => {
      const options = { cwd: path("../") }
      const running = promisify(execFile)(process.execPath, [path(`../dist/${name}.js`)], options)
      const input = [...(typed[name] ?? [])]
      running.child.stdout?.on("data", (said: string) => {
        if (said.endsWith("]: ")) running.child.stdin?.write(`${input.shift() ?? ""}\n`)
      })
      const { stdout } = await running
      expect(stdout.trim().split("\n")).toEqual(lines)
    })
  }
})
