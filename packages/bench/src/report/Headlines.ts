/**
 * What README says of a result file: the scenarios that it shows, with Mooring, the floor and the others, and every goal
 * with what was measured. Written between two markers, so that it can be written again from another file.
 */
import type { Document, Scenario } from "./Document.js"
import * as Roles from "./Roles.js"
import { number } from "./Tables.js"

/** The scenarios that stand in README and have a chart, by what they are called in the result file. */
const shown: ReadonlyArray<{ readonly scenario: string; readonly what: string }> = [
  { scenario: "Borrow and return, a slot free", what: "borrow and return in the pool" },
  { scenario: "SDK-built server, 64 at once: client CPU", what: "`callTool` over stdio, 64 at once" },
  { scenario: "SDK-built server, 64 at once: throughput", what: "the same" },
  { scenario: "SDK-built server, one at a time: p50 of a call", what: "`callTool` over stdio, one at a time" },
  { scenario: "HTTP, SDK-built server, JSON, 64 at once: client CPU", what: "`callTool` over HTTP, 64 at once" },
  { scenario: "HTTP, SDK-built server, JSON, 64 at once: throughput", what: "the same" },
  {
    scenario: "HTTP, SDK-built server, JSON, one at a time: p50 of a call",
    what: "`callTool` over HTTP, one at a time"
  },
  {
    scenario: "stdio, SDK-built server, one at a time: p50 of a call",
    what: "a pooled call over stdio beside a fresh connection"
  },
  {
    scenario: "HTTP, SDK-built server, one at a time: p50 of a call",
    what: "a pooled call over HTTP beside a fresh connection"
  },
  { scenario: "Memory of an idle connection", what: "memory of an idle connection" }
]

/** Those of them that the file has. A run of some goals has not all. */
export const scenarios = (document: Document): ReadonlyArray<{ readonly scenario: Scenario; readonly what: string }> =>
  shown.flatMap(({ scenario: name, what }) => {
    const scenario = document.scenarios.find((one) => one.name === name)
    return scenario === undefined ? [] : [{ scenario, what }]
  })

/** Names of `shown` that the file does not have, though the run was to measure everything. */
export const missing = ({ options, scenarios }: Document): ReadonlyArray<string> =>
  options.only !== null
    ? []
    : shown.map(({ scenario }) => scenario).filter((name) => !scenarios.some((one) => one.name === name))

export const begin = "<!-- bench: written by `npm run bench -- --charts`, from packages/bench/results/latest.json -->"
export const end = "<!-- bench: end -->"

/** The text between the markers. */
export const markdown = (document: Document): string => {
  const rows = scenarios(document).map(({ scenario, what }) => {
    const { floor, ours } = Roles.of(scenario)
    const others = scenario.figures.filter(
      ({ name }) => name !== ours?.name && name !== floor?.name && !name.startsWith("Mooring")
    )
    const beside = [...rivals(others, scenario.unit), ...(floor === undefined ? [] : [floor])].map(
      ({ median, name }) => `${name}: ${number(median)}`
    )
    const failed = (scenario.failed ?? []).map(({ name }) => `${name}: failed`)
    return [what, scenario.unit, number(ours?.median ?? null), [...beside, ...failed].join("; ")]
  })
  const met = document.goals.filter(({ met }) => met).length
  return [
    where(document),
    "",
    table(["what", "unit", "Mooring", "beside"], rows),
    "",
    `${met} of ${document.goals.length} goals were met: [all of them, and charts](packages/bench/results/README.md).`
  ].join("\n")
}

/** The SDK's client and the best of the others. Where it was not measured, all of them. */
const rivals = (others: Scenario["figures"], unit: string): Scenario["figures"] => {
  const sdk = others.find(({ name }) => name.startsWith("SDK client,"))
  if (sdk === undefined) return others
  const sign = unit.includes("per second") ? -1 : 1
  const [best] = others
    .filter(({ name }) => !name.startsWith("SDK client,"))
    .sort((a, b) => sign * ((a.median ?? Infinity) - (b.median ?? Infinity)))
  return best === undefined ? [sdk] : [sdk, { ...best, name: `the best of the other clients (${best.name})` }]
}

/** When, how and on what it was measured. */
const where = ({ machine, node, options, startedAt, versions }: Document): string => {
  const of = Object.entries(versions).map(([name, version]) => `${name} ${version}`)
  const run = `${options.full ? "a full run" : "a short run"}, rounds of ${options.roundMs} ms`
  return `Medians of ${run}, ${startedAt.slice(0, 10)}: ${machine.cores} cores (${machine.cpu}), Node ${node}, ${of.join(", ")}.`
}

/** The page of all goals and charts. */
export const page = (document: Document, charts: ReadonlyArray<string>): string => {
  const goals = document.goals.map(({ atLeast, goal, how, id, measured, met, unit }) => [
    id,
    how,
    `${number(measured)} ${unit}`.trim(),
    goal === null ? "" : `${atLeast === true ? "≥" : "≤"} ${number(goal)}`,
    met ? "met" : "missed"
  ])
  const subjects = document.subjects.map(({ name, settings, version }) => [name, version, settings])
  return [
    "# What was measured",
    "",
    "Written by `npm run bench -- --charts`, from `latest.json`.",
    "",
    where(document),
    "",
    table(["goal", "how", "measured", "limit", ""], goals),
    ...(subjects.length === 0 ? [] : ["", table(["subject", "version", "settings"], subjects)]),
    ...charts.flatMap((file) => ["", `![${file.replace(/\.svg$/, "").replaceAll("-", " ")}](../charts/${file})`]),
    ""
  ].join("\n")
}

const table = (head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): string =>
  [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.map(escaped).join(" | ")} |`).join("\n")

const escaped = (cell: string): string => cell.replaceAll("|", "\\|").replaceAll("\n", " ")

/** A page with what stands between its markers replaced. `undefined` when it has no markers. */
export const put = (page: string, text: string): string | undefined => {
  const from = page.indexOf(begin)
  const to = page.indexOf(end)
  if (from < 0 || to < from) return undefined
  return `${page.slice(0, from)}${begin}\n\n${text}\n\n${page.slice(to)}`
}
