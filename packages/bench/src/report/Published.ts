/** What is made from a result file and stands in the repository: the charts, a part of README, and the page of all goals. */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import * as Charts from "./Charts.js"
import * as Document from "./Document.js"
import * as Headlines from "./Headlines.js"

const path = (name: string): string => fileURLToPath(new URL(`../../${name}`, import.meta.url))

/** The result file that the repository's charts and README are made from. */
export const latest = path("results/latest.json")
const charts = path("charts")
const readme = path("../../README.md")
const results = path("results/README.md")

interface Made {
  readonly charts: ReadonlyArray<Charts.Chart>
  readonly readme: string
  readonly results: string
}

const make = (file: string): Made => {
  const document = Document.parse(readFileSync(file, "utf8"))
  const missing = Headlines.missing(document)
  if (missing.length > 0) throw new Error(`${file} has no scenario "${missing.join('", "')}" that README is to show`)
  const drawn = Charts.all(document)
  const results = Headlines.page(
    document,
    drawn.map(({ file }) => file)
  )
  const page = Headlines.put(readFileSync(readme, "utf8"), Headlines.markdown(document))
  if (page === undefined) throw new Error(`README.md has no line "${Headlines.begin}"`)
  return { charts: drawn, readme: page, results }
}

/** Writes the charts and README anew. Charts of scenarios that are no more are taken away. */
export const write = (file: string): void => {
  const made = make(file)
  rmSync(charts, { recursive: true, force: true })
  mkdirSync(charts)
  for (const { file, svg } of made.charts) writeFileSync(`${charts}/${file}`, svg)
  writeFileSync(readme, made.readme)
  writeFileSync(results, made.results)
}

/** What in the repository is not what `latest` says. */
export const stale = (): ReadonlyArray<string> => {
  const made = make(latest)
  const expected = new Map(made.charts.map(({ file, svg }) => [file, svg]))
  const there = readdirSync(charts)
  return [
    ...there.filter((file) => !expected.has(file)).map((file) => `charts/${file} is of nothing in it`),
    ...[...expected]
      .filter(([file, svg]) => !there.includes(file) || readFileSync(`${charts}/${file}`, "utf8") !== svg)
      .map(([file]) => `charts/${file} is not its chart`),
    ...(readFileSync(readme, "utf8") === made.readme ? [] : ["README.md shows other figures"]),
    ...(readFileSync(results, "utf8") === made.results ? [] : ["results/README.md shows other figures"])
  ]
}
