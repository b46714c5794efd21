/**
 * The results of one run as a JSON document (schema 1): what was asked for, what it came to, and where. A number that
 * could not be measured is `null`.
 */
import { readFileSync } from "node:fs"
import { arch, cpus, platform, release, totalmem } from "node:os"
import * as Schema from "effect/Schema"
import type { Options } from "../Goal.js"
import type { Ran } from "./Run.js"

const Figure = Schema.Struct({
  name: Schema.String,
  median: Schema.NullOr(Schema.Number),
  low: Schema.NullOr(Schema.Number),
  high: Schema.NullOr(Schema.Number),
  rounds: Schema.Number
})

const Goal = Schema.Struct({
  id: Schema.String,
  measured: Schema.NullOr(Schema.Number),
  /** The limit: an upper one, unless `atLeast`. */
  goal: Schema.NullOr(Schema.Number),
  atLeast: Schema.optional(Schema.Literal(true)),
  unit: Schema.String,
  met: Schema.Boolean,
  how: Schema.String
})

const Scenario = Schema.Struct({
  name: Schema.String,
  unit: Schema.String,
  ours: Schema.optional(Schema.String),
  floor: Schema.optional(Schema.String),
  figures: Schema.Array(Figure),
  failed: Schema.optional(Schema.Array(Schema.Struct({ name: Schema.String, error: Schema.String })))
})

const Curve = Schema.Struct({
  name: Schema.String,
  axis: Schema.Struct({ name: Schema.String, values: Schema.Array(Schema.Number) }),
  unit: Schema.String,
  lines: Schema.Array(Schema.Struct({ name: Schema.String, values: Schema.Array(Schema.NullOr(Schema.Number)) }))
})

export const Document = Schema.Struct({
  schema: Schema.Literal(1),
  machine: Schema.Struct({
    cpu: Schema.String,
    cores: Schema.Number,
    memoryGiB: Schema.Number,
    platform: Schema.String,
    release: Schema.String,
    arch: Schema.String
  }),
  node: Schema.String,
  /** Of Mooring and what it stands on; those of other subjects stand with them. */
  versions: Schema.Record({ key: Schema.String, value: Schema.String }),
  seed: Schema.Number,
  options: Schema.Struct({
    full: Schema.Boolean,
    rounds: Schema.Number,
    roundMs: Schema.Number,
    /** What `--only` asked for; `null` for everything. */
    only: Schema.NullOr(Schema.Array(Schema.String))
  }),
  /** ISO 8601, UTC. */
  startedAt: Schema.String,
  tookMs: Schema.Number,
  goals: Schema.Array(Goal),
  scenarios: Schema.Array(Scenario),
  curves: Schema.Array(Curve),
  subjects: Schema.Array(Schema.Struct({ name: Schema.String, version: Schema.String, settings: Schema.String }))
})
export type Document = typeof Document.Type
export type Scenario = Document["scenarios"][number]
export type Curve = Document["curves"][number]

const folder = new URL("../../", import.meta.url)

/** The version of a package that the benchmarks are installed with. */
const versionOf = (name: string): string => {
  const manifest: unknown = JSON.parse(readFileSync(new URL(`node_modules/${name}/package.json`, folder), "utf8"))
  return Schema.decodeUnknownSync(Schema.Struct({ version: Schema.String }))(manifest).version
}

const measuredWith = ["@mooring/node", "effect", "@modelcontextprotocol/sdk", "undici"]

/** What a run is known by besides what it found. */
export interface About extends Options {
  readonly only: ReadonlyArray<string> | undefined
  /** Milliseconds since 1970. */
  readonly startedAt: number
  readonly tookMs: number
}

/** The document as text, one that `parse` reads. Infinity and what is no number become `null`, as JSON has it. */
export const write = ({ full, only, roundMs, rounds, seed, startedAt, tookMs }: About, ran: Ran): string => {
  const [cpu] = cpus()
  const document = {
    schema: 1,
    machine: {
      cpu: cpu?.model ?? "unknown",
      cores: cpus().length,
      memoryGiB: Math.round(totalmem() / 2 ** 30),
      platform: platform(),
      release: release(),
      arch: arch()
    },
    node: process.version,
    versions: Object.fromEntries(measuredWith.map((name) => [name, versionOf(name)])),
    seed,
    options: { full, rounds, roundMs, only: only ?? null },
    startedAt: new Date(startedAt).toISOString(),
    tookMs: Math.round(tookMs),
    ...ran
  }
  return `${JSON.stringify(document, null, 1)}\n`
}

/** Reads a document; throws where it is none. */
export const parse: (text: string) => Document = Schema.decodeUnknownSync(Schema.parseJson(Document), {
  onExcessProperty: "error"
})
