/** What a run found, for a terminal. */
import Table from "cli-table3"
import type { Curve, Goal, Scenario } from "../Goal.js"
import * as Roles from "./Roles.js"

const style = { head: [], border: [] }
const right = (columns: number) => ["left" as const, ...Array.from({ length: columns }, () => "right" as const)]

/** Three digits that count, and no more of a large number than it has. */
export const number = (value: number | null): string => {
  if (value === null || !Number.isFinite(value)) return "–"
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : Math.abs(value) >= 1 ? 2 : 3
  return value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits })
}

/** One scenario: the medians with their spread, and beside Mooring and the floor, where they stand in it. */
export const scenario = (scenario: Scenario): string => {
  const { floor, ours } = Roles.of(scenario)
  const beside = [
    ...(ours === undefined ? [] : [{ head: "÷ Mooring", by: ours.median }]),
    ...(floor === undefined ? [] : [{ head: "÷ floor", by: floor.median }])
  ]
  const head = [scenario.name, "median", "p10", "p90", "rounds", ...beside.map(({ head }) => head)]
  const table = new Table({ head, style, colAligns: right(head.length - 1) })
  for (const { high, low, median, name, rounds } of scenario.figures) {
    const ratios = beside.map(({ by }) => number(median / by))
    table.push([name, number(median), number(low), number(high), rounds, ...ratios])
  }
  for (const { error, name } of scenario.failed ?? []) {
    table.push([name, { colSpan: head.length - 1, hAlign: "left", content: `failed: ${firstLine(error)}` }])
  }
  return `${table.toString()}\n${scenario.unit}\n`
}

const firstLine = (text: string): string => text.split("\n", 1)[0]?.slice(0, 100) ?? ""

/** One curve: a row for each subject. */
export const curve = ({ axis, lines, name, unit }: Curve): string => {
  const head = [name, ...axis.values.map((value) => value.toLocaleString("en"))]
  const table = new Table({ head, style, colAligns: right(axis.values.length) })
  for (const line of lines) table.push([line.name, ...line.values.map(number)])
  return `${table.toString()}\n${unit}, by ${axis.name}\n`
}

/** One goal. */
export const goal = ({ atLeast, goal, how, id, measured, met, unit }: Goal): string => {
  if (Number.isNaN(measured) && Number.isNaN(goal)) return `${id} MISSED: not measured (${how})`
  const limit = `${atLeast === true ? "≥" : "≤"} ${goal}`
  return `${id} ${met ? "met" : "MISSED"}: ${number(measured)} ${unit}, goal ${limit} (${how})`
}
