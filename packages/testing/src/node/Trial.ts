/**
 * One faulty server under one client, as the cases of `FaultSuite` use them: it makes calls, keeps what the client said
 * of each, and compares that with what the server really ran.
 *
 * @since 0.1.0
 */
import type { McpClient } from "@mooring/mcp"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { ContractBroken, equal } from "../Contract.js"
import * as FaultyServer from "./FaultyServer.js"
import type { ProcessFault } from "./ProcessFault.js"

/**
 * How a call is made.
 *
 * @since 0.1.0
 * @category models
 */
export interface Calling {
  /** What goes wrong with it, ahead of the server's script. */
  readonly fault?: ProcessFault | undefined
  /** Default: enough for a good answer on a busy machine. */
  readonly timeout?: Duration.DurationInput | undefined
  /** Bytes to go along. Default 0. */
  readonly filler?: number | undefined
  readonly mayRunTwice?: boolean | undefined
}

/**
 * How a call ended: `answered`, or the error's tag and the delivery that it claims. `message` is the error's.
 *
 * @since 0.1.0
 * @category models
 */
export interface Outcome {
  readonly what: string
  readonly message: string
}

/**
 * @since 0.1.0
 * @category models
 */
export class Trial {
  readonly #outcomes = new Map<string, Outcome & { readonly mayRunTwice: boolean }>()

  constructor(
    readonly server: FaultyServer.FaultyServer,
    private readonly mcp: McpClient.Service,
    private readonly patience: Duration.Duration
  ) {}

  /** Calls `run` with this id. Fails if the end comes later than the deadline and some patience. */
  call(id: string, options: Calling = {}): Effect.Effect<string, ContractBroken> {
    const { fault, filler = 0, mayRunTwice = false, timeout = enough } = options
    const args = { id, filler: "x".repeat(filler), ...(fault === undefined ? {} : FaultyServer.meeting({ fault })) }
    const keep = (outcome: Outcome) => {
      this.#outcomes.set(id, { ...outcome, mayRunTwice })
      return outcome.what
    }
    return Effect.suspend(() => {
      // What a caller who gives up knows.
      keep({ what: "given up", message: "" })
      return this.mcp.callTool("faulty", "run", args, { timeout, mayRunTwice })
    }).pipe(
      Effect.match({
        onSuccess: (result) => keep({ what: answered(id, result.content), message: "" }),
        onFailure: (error) =>
          keep({ what: "delivery" in error ? `${error._tag} ${error.delivery}` : error._tag, message: error.message })
      }),
      Effect.timeoutFail({
        duration: Duration.sum(Duration.decode(timeout), this.patience),
        onTimeout: () => new ContractBroken({ what: `call "${id}"`, expected: "an end by its deadline", found: "none" })
      })
    )
  }

  /** Calls with these ids one after another, and expects these outcomes. */
  calls(expected: Readonly<Record<string, string>>): Effect.Effect<void, ContractBroken> {
    return Effect.forEach(
      Object.entries(expected),
      ([id, outcome]) => Effect.flatMap(this.call(id), equal(`the outcome of "${id}"`, outcome)),
      { discard: true }
    )
  }

  /** Calls until one is answered. A call before may fail so, when its connection has ended unheard of. */
  untilAnswered(id: string, meanwhile: string): Effect.Effect<void, ContractBroken> {
    const next = (n: number): Effect.Effect<void, ContractBroken> =>
      Effect.flatMap(this.call(`${id} ${n}`), (outcome) =>
        outcome === meanwhile && n < 10 ? next(n + 1) : equal(`the outcome of "${id} ${n}"`, "answered")(outcome)
      )
    return next(1)
  }

  /** What the error of a call said. */
  messageOf(id: string): string {
    return this.#outcomes.get(id)?.message ?? ""
  }

  /** Expects that the server has started so many processes. */
  starts(expected: number): Effect.Effect<void, ContractBroken> {
    return Effect.flatMap(this.server.stats, ({ starts }) => equal("the processes that were started", expected)(starts))
  }

  /** Waits until what the server has seen is so. */
  until(what: string, predicate: (stats: FaultyServer.Stats) => boolean): Effect.Effect<void, ContractBroken> {
    return waited(what, Effect.map(this.server.stats, predicate), this.patience)
  }

  /** Whether what the client said of every call is true. */
  get truthful(): Effect.Effect<void, ContractBroken> {
    return Effect.flatMap(this.server.ran, (ran) =>
      Effect.forEach(
        this.#outcomes,
        ([id, { mayRunTwice, what }]) => {
          const runs = ran.filter(({ args }) => args["id"] === id).length
          const most = mayRunTwice ? 3 : what.endsWith("NotSent") || what === "McpConnectError" ? 0 : 1
          const least = what === "answered" ? 1 : 0
          return runs >= least && runs <= most
            ? Effect.void
            : new ContractBroken({ what: `the runs of "${id}" (${what})`, expected: [least, most], found: runs })
        },
        { discard: true }
      )
    )
  }
}

/**
 * Waits until it is so. Fails if that takes longer than this.
 *
 * @since 0.1.0
 * @category combinators
 */
export const waited = (
  what: string,
  so: Effect.Effect<boolean>,
  patience: Duration.Duration
): Effect.Effect<void, ContractBroken> =>
  Effect.repeat(Effect.zipLeft(so, Effect.sleep("10 millis")), { until: (is) => is }).pipe(
    Effect.asVoid,
    Effect.timeoutFail({
      duration: patience,
      onTimeout: () => new ContractBroken({ what, expected: true, found: false })
    })
  )

/**
 * Waits until none of the server's processes runs any more.
 *
 * @since 0.1.0
 * @category combinators
 */
export const ended = (
  server: FaultyServer.FaultyServer,
  patience: Duration.Duration
): Effect.Effect<void, ContractBroken> =>
  waited(
    "every process has ended",
    Effect.map(server.processes, (processes) => processes.length === 0),
    patience
  )

const enough: Duration.DurationInput = "20 seconds"

// The tool answers with its arguments.
const answered = (id: string, content: ReadonlyArray<{ readonly type: string; readonly text?: unknown }>): string => {
  const [first] = content
  return typeof first?.text === "string" && first.text.startsWith(JSON.stringify({ id }).slice(0, -1))
    ? "answered"
    : "answered for another"
}
