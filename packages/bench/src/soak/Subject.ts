/** What is soaked: servers behind one transport that go wrong at random, and somebody who kills them. */
import type { McpConnector, ServerConfig } from "@mooring/mcp"
import type { ServerFolder } from "@mooring/testing/node"
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Random from "effect/Random"

/** One call, and what goes wrong with it. */
export interface Plan {
  readonly server: string
  /** For people. */
  readonly fault: string
  /** Arguments of the tool `run` that make it go wrong so. */
  readonly args: Readonly<Record<string, unknown>>
  /** Within how many milliseconds it must be answered. */
  readonly timeout: number
}

/** A tool of a server that does not go wrong, and keeps no ledger. */
export interface Sound {
  /** How often of all calls. */
  readonly share: number
  readonly server: string
  readonly tool: string
  readonly args: Readonly<Record<string, unknown>>
}

export interface Subject {
  readonly configs: Readonly<Record<string, ServerConfig.ServerConfig>>
  readonly connector: Layer.Layer<McpConnector.McpConnector>
  readonly faulty: ReadonlyMap<string, ServerFolder.ServerLedger>
  readonly sound: ReadonlyArray<Sound>
  /** Draws what goes wrong with the next call of a faulty server. */
  readonly plan: Effect.Effect<Plan>
  /** Has the servers up that no client starts. */
  readonly start: Effect.Effect<void>
  /** Ends what no client ends, when all clients have gone. */
  readonly stop: Effect.Effect<void>
  /** Kills a server process now and then, for ever. `killed` is told of each. */
  readonly killer: (killed: () => void) => Effect.Effect<never>
}

/** What goes wrong how often of a thousand, and within how many milliseconds the call must be answered. */
export type Weights<Fault> = ReadonlyArray<readonly [often: number, fault: Fault, timeout: number]>

/** The fault at this place from 0 to 1; `none` where nothing goes wrong. */
export const pick = <Fault>(weights: Weights<Fault>, none: Fault, drawn: number): readonly [Fault, number] => {
  let rest = drawn * 1000
  for (const [often, fault, timeout] of weights) {
    rest -= often
    if (rest < 0) return [fault, timeout]
  }
  return [none, 2000]
}

/** One of them, each as likely as the others. There must be one. */
export const choose = <A>(some: ReadonlyArray<A>): Effect.Effect<A> =>
  Effect.flatMap(Random.nextIntBetween(0, some.length), (n) => Effect.orDie(Arr.get(some, n)))
