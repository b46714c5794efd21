/** The load of the soak: callers who call, of whom some lose patience, and whose answers must be their own. */
import type { McpClient } from "@mooring/mcp"
import * as Clock from "effect/Clock"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Random from "effect/Random"
import type { Accounts } from "./Accounts.js"
import type { Sound, Subject } from "./Subject.js"

/** Calls that have not ended after this are stuck: each has a deadline, and so has each wait for a connection. */
const stuck: Duration.DurationInput = "75 seconds"

/** One call of some server, with all that may go wrong. */
const call = (mcp: McpClient.Service, subject: Subject, accounts: Accounts): Effect.Effect<void> =>
  Effect.gen(function* () {
    let drawn = yield* Random.next
    for (const one of subject.sound) {
      if (drawn < one.share) return yield* sound(mcp, one, accounts)
      drawn -= one.share
    }
    const { args, fault, server, timeout } = yield* subject.plan
    const mayRunTwice = (yield* Random.next) < 0.1
    const id = accounts.open(mayRunTwice)
    const outcome = yield* patient(
      mcp.callTool(server, "run", { id, ...args }, { timeout, mayRunTwice }),
      ({ structuredContent }) => isOf(id, structuredContent)
    )
    accounts.ended(id, outcome)
    accounts.count(outcome)
    // Or callers would do nothing else, as fast as they can.
    if (outcome === "CircuitOpen") yield* Effect.sleep("50 millis")
    if (outcome === "stuck") accounts.fail(`call ${id} of "${server}" (${fault}) did not end`)
    if (outcome === foreign) accounts.fail(`call ${id} of "${server}" (${fault}) was given another's answer`)
  })

const isOf = (id: number, content: unknown): boolean =>
  Predicate.hasProperty(content, "args") &&
  Predicate.hasProperty(content.args, "id") &&
  Equal.equals(content.args.id, id)

const sound = (mcp: McpClient.Service, { args, server, tool }: Sound, accounts: Accounts): Effect.Effect<void> =>
  Effect.gen(function* () {
    const outcome = yield* patient(mcp.callTool(server, tool, args, { timeout: "5 seconds" }), () => true)
    accounts.count(`${server}: ${outcome}`)
    if (outcome === "stuck") accounts.fail(`a call of "${server}" did not end`)
  })

const foreign = "answered as another"

/** Makes the call; one of twenty callers loses patience. `own` says whether an answer is the call's own. */
const patient = <A extends { readonly isError?: boolean | undefined }>(
  call: Effect.Effect<A, McpClient.CallError>,
  own: (answer: A) => boolean
): Effect.Effect<string> =>
  Effect.gen(function* () {
    const patience = (yield* Random.next) < 0.05 ? yield* Random.nextIntBetween(0, 50) : undefined
    const outcome = Effect.match(call, {
      onSuccess: (answer) => (answer.isError === true ? "isError" : own(answer) ? "answered" : foreign),
      onFailure: (error) => ("delivery" in error ? `${error._tag} ${error.delivery}` : error._tag)
    })
    const ended = yield* Effect.timeoutOption(outcome, patience ?? stuck)
    return Option.getOrElse(ended, () => (patience === undefined ? "stuck" : "given up"))
  })

/** Calls, until `end`, by this many callers. `seed` decides what each of them does. */
export const callers = (
  mcp: McpClient.Service,
  subject: Subject,
  accounts: Accounts,
  options: { readonly callers: number; readonly seed: string; readonly end: number }
): Effect.Effect<void> => {
  const caller = (n: number) =>
    Effect.gen(function* () {
      while ((yield* Clock.currentTimeMillis) < options.end) yield* call(mcp, subject, accounts)
    }).pipe(Effect.withRandom(Random.make(`${options.seed} caller ${n}`)))
  return Effect.forEach(
    Array.from({ length: options.callers }, (_, n) => n),
    caller,
    {
      concurrency: "unbounded",
      discard: true
    }
  )
}
