/**
 * A server that the demo runs, with calls on it whose answers are known beforehand.
 *
 * @since 0.1.0
 */
import type { ServerConfig } from "@mooring/mcp"
import type { CallToolResult } from "@modelcontextprotocol/sdk/types.js"
import type * as Effect from "effect/Effect"

/**
 * One call and how to tell that its answer is right.
 *
 * @since 0.1.0
 * @category models
 */
export interface Probe {
  readonly tool: string
  readonly args: Readonly<Record<string, unknown>>
  /** What is wrong with the answer; `undefined` if nothing. */
  readonly wrong: (result: CallToolResult) => string | undefined
}

/**
 * How a call of the load ended. `answered`: with an answer, right or wrong. Else the tag of its error.
 *
 * @since 0.1.0
 * @category models
 */
export interface Outcome {
  /** Counts the calls of one server, from 0. */
  readonly call: number
  readonly end: "answered" | (string & {})
}

/**
 * A server of the demo.
 *
 * @since 0.1.0
 * @category models
 */
export interface Subject {
  readonly name: string
  readonly transport: "stdio" | "http"
  readonly config: ServerConfig.ServerConfig
  /** The call that is measured. Changes nothing at the server. */
  readonly measured: Probe
  /** The `call`th call of the load. Where the server keeps something, it leaves a trace that can be counted. */
  readonly load: (call: number) => Probe
  /** Compares what the server holds in the end with how the calls ended; gives what is wrong. */
  readonly verify?: ((outcomes: ReadonlyArray<Outcome>) => Effect.Effect<ReadonlyArray<string>>) | undefined
}

/**
 * All text of a result.
 *
 * @since 0.1.0
 * @category combinators
 */
export const textOf = (result: CallToolResult): string =>
  result.content.map((block) => (block.type === "text" ? block.text : "")).join("")

/**
 * A check that the answer is no error and passes `right`.
 *
 * @since 0.1.0
 * @category combinators
 */
export const expecting =
  (what: string, right: (result: CallToolResult) => boolean): Probe["wrong"] =>
  (result) => {
    if (result.isError === true) return `said isError: ${textOf(result).slice(0, 200)}`
    return right(result) ? undefined : `answered ${JSON.stringify(result).slice(0, 200)} instead of ${what}`
  }

/**
 * Compares how often each call left its trace with how often it may have: once if it was answered, at most once if
 * it may have run, else never.
 *
 * @since 0.1.0
 * @category combinators
 */
export const traces = (
  server: string,
  outcomes: ReadonlyArray<Outcome>,
  found: ReadonlyArray<string>,
  traceOf: (call: number) => string
): ReadonlyArray<string> => {
  const times = new Map<string, number>()
  for (const trace of found) times.set(trace, (times.get(trace) ?? 0) + 1)
  const problems: Array<string> = []
  for (const { call, end } of outcomes) {
    const trace = traceOf(call)
    const count = times.get(trace) ?? 0
    times.delete(trace)
    const least = end === "answered" ? 1 : 0
    const most = end === "answered" || end === "OutcomeUnknown" ? 1 : 0
    if (count < least || count > most) {
      problems.push(`${server}: the call that leaves "${trace}" ended as ${end}, but ran ${count} times`)
    }
  }
  for (const trace of times.keys()) problems.push(`${server} holds "${trace}", which no call left there`)
  return problems
}
