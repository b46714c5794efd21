// The official conformance suite of MCP against our client: every client scenario of the protocol that we speak, but
// those about authorization. Ends with the line `N of N scenarios passed`, and with 1 if one did not.
//   npm run conformance [-- scenario…]
// The suite needs a newer Node than we do. It and one for this platform are installed below node_modules/.cache, as
// `conformance/suite/package-lock.json` has them, when they are not there yet. The client runs on the Node that runs
// this; nothing listens on anything but 127.0.0.1.
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import { install } from "./aside.mjs"
import * as Verdict from "./conformance/verdict.mjs"
import { run } from "./processes.mjs"

const protocol = "2025-11-25"
/** Milliseconds for a scenario, on a machine that may be busy. Later than the client itself gives up. */
const timeout = 60_000
const here = fileURLToPath(new URL("conformance/", import.meta.url))
const cache = await install("conformance")
const results = join(cache, "results")

/** @param {string} path */
const json = (path) => JSON.parse(readFileSync(path, "utf8"))

/** @type {{ readonly optionalDependencies: Readonly<Record<string, string>> }} */
const { optionalDependencies: nodes } = json(join(here, "suite/package.json"))

/** The Node that was installed for this platform. */
const newerNode = () => {
  for (const name of Object.keys(nodes)) {
    const folder = join(cache, "node_modules", name)
    if (existsSync(join(folder, "package.json"))) return join(folder, json(join(folder, "package.json")).bin.node)
  }
  throw new Error(`no Node in suite/package.json is for ${process.platform} on ${process.arch}`)
}

/** @param {ReadonlyArray<string>} args */
const suite = (...args) => {
  const loopback = pathToFileURL(join(here, "loopback.mjs")).href
  const main = join(cache, "node_modules/@modelcontextprotocol/conformance/dist/index.js")
  return run(newerNode(), ["--import", loopback, main, ...args])
}

const listed = async () => {
  const { code, output, stdout } = await suite("list", "--client", "--spec-version", protocol)
  const { authorization, wanted } = Verdict.scenarios(stdout)
  if (code !== 0 || wanted.length === 0)
    throw new Error(`the suite lists no scenarios: it ended with ${code}\n${output}`)
  return { authorization, wanted }
}

/** @param {string} scenario */
const attempt = async (scenario) => {
  const folder = join(results, scenario)
  // The suite gives this to a shell.
  const command = [process.execPath, join(here, "client.mjs")].map((path) => `"${path}"`).join(" ")
  const started = performance.now()
  const what = ["--scenario", scenario, "--spec-version", protocol, "--timeout", String(timeout)]
  const { code } = await suite("client", "--command", command, ...what, "--output-dir", folder)
  const seconds = ((performance.now() - started) / 1000).toFixed(1)
  // It makes a folder below this one, with the time in its name.
  const [left = ""] = existsSync(folder) ? readdirSync(folder) : []
  const path = join(folder, left, "checks.json")
  /** @type {ReadonlyArray<Verdict.Check> | undefined} */
  const checks = existsSync(path) ? json(path) : undefined
  const problems = Verdict.problems(code, checks)
  if (problems.length === 0) {
    console.log(`passed  ${scenario} (${Verdict.passed(checks ?? [])} checks, ${seconds} s)`)
    return true
  }
  console.log(`FAILED  ${scenario} (${seconds} s)`)
  const said = ["stdout.txt", "stderr.txt"]
    .map((name) => join(folder, left, name))
    .map((file) => (existsSync(file) ? readFileSync(file, "utf8").trimEnd() : ""))
    .filter((text) => text !== "")
    .join("\n")
  for (const line of [...problems, ...(said === "" ? [] : ["the client said:", ...said.split("\n")])]) {
    console.log(`        ${line}`)
  }
  return false
}

const { authorization, wanted } = await listed()
const only = process.argv.slice(2)
const unknown = only.find((name) => !wanted.includes(name))
if (unknown !== undefined) {
  console.error(`there is no scenario "${unknown}"; one of: ${wanted.join(", ")}`)
  process.exit(2)
}
rmSync(results, { force: true, recursive: true })
const { version } = json(join(cache, "node_modules/@modelcontextprotocol/conformance/package.json"))
console.log(`MCP conformance suite ${version}, client scenarios of protocol ${protocol}, on Node ${process.version}\n`)
const chosen = only.length === 0 ? wanted : only
let passed = 0
for (const scenario of chosen) if (await attempt(scenario)) passed++
console.log(`
left out: ${authorization.length} scenarios about authorization (auth/…): Mooring runs no OAuth flow. An application
          brings its tokens, with the headers of a server.`)
console.log(`\n${passed} of ${chosen.length} scenarios passed`)
process.exitCode = passed === chosen.length ? 0 : 1
