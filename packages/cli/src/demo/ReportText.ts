/**
 * The report for people: the table, the line on the kill, and what was wrong.
 *
 * @since 0.1.0
 */
import Table from "cli-table3"
import type { KillReport, Report, ServerReport } from "./Report.js"

const ms = (value: number): string => `${value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0)} ms`

const count = (value: number): string => value.toLocaleString("en-US")

const failures = (server: ServerReport): string => {
  const entries = Object.entries(server.failures)
  return entries.length === 0 ? "none" : entries.map(([tag, times]) => `${times} ${tag}`).join(", ")
}

/**
 * The rows of the table, its head first.
 *
 * @since 0.1.0
 * @category combinators
 */
export const rows = (servers: ReadonlyArray<ServerReport>): ReadonlyArray<ReadonlyArray<string>> => [
  ["server", "transport", "fresh p50", "pooled p50", "ratio", "calls", "connections", "failures"],
  ...servers.map((server) => [
    server.name,
    server.transport,
    ms(server.freshP50Ms),
    ms(server.pooledP50Ms),
    `${count(Math.round(server.ratio))} x`,
    count(server.calls),
    count(server.connectionsOpened),
    failures(server)
  ])
]

/**
 * One line on the kill.
 *
 * @since 0.1.0
 * @category combinators
 */
export const killLine = (kill: KillReport): string => {
  const unknown =
    kill.outcomeUnknown === 0
      ? "none was lost"
      : `${kill.outcomeUnknown} may have run and failed as OutcomeUnknown instead of running twice`
  return (
    `Killed the process of "${kill.server}" in full run: ${kill.callsAffected} calls affected ` +
    `(in flight or waiting; ${unknown}), next success after ${ms(kill.recoveredMs)}.`
  )
}

/**
 * All of it.
 *
 * @since 0.1.0
 * @category combinators
 */
export const render = (report: Report): string => {
  const [head, ...body] = rows(report.servers)
  const table = new Table({
    head: [...(head ?? [])],
    colAligns: ["left", "left", "right", "right", "right", "right", "right", "left"],
    style: { head: [], border: [], compact: true }
  })
  for (const row of body) table.push([...row])
  const checked = report.ok
    ? "Every answer was checked and is right, and so is what the servers hold in the end."
    : [`${report.problems.length} things are wrong:`, ...report.problems.map((problem) => `  - ${problem}`)].join("\n")
  return [table.toString(), killLine(report.kill), checked].join("\n")
}
