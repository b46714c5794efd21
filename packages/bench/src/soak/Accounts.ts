/**
 * What callers were told of their calls, held against what the servers really ran: what an account says can be true
 * only if the call was run as often as its outcome permits. At rest, when no server runs any more, the accounts are
 * checked and closed, so that a soak of hours needs no more memory than one of minutes.
 */
import type { FaultyServer } from "@mooring/testing/node"

interface Account {
  readonly mayRunTwice: boolean
  outcome: string | undefined
  runs: number
}

export class Accounts {
  /** How calls ended, and how often. */
  readonly outcomes = new Map<string, number>()
  readonly wrong: Array<string> = []
  runs = 0
  #next = 0
  readonly #open = new Map<number, Account>()

  get calls(): number {
    return this.#next
  }

  /** The ID of a call of a server with a ledger. */
  open(mayRunTwice: boolean): number {
    const id = this.#next++
    this.#open.set(id, { mayRunTwice, outcome: undefined, runs: 0 })
    return id
  }

  ended(id: number, outcome: string): void {
    const account = this.#open.get(id)
    if (account !== undefined) account.outcome = outcome
  }

  count(kind: string): void {
    this.outcomes.set(kind, (this.outcomes.get(kind) ?? 0) + 1)
  }

  ran(runs: ReadonlyArray<FaultyServer.Run>): void {
    for (const { args } of runs) {
      this.runs++
      const id = Number(args["id"])
      const account = this.#open.get(id)
      if (account !== undefined) account.runs++
      else this.#report(`call ${id} was run when all servers had ended`)
    }
  }

  /** Checks all accounts and closes them. No server runs any more, so nothing is left to happen. */
  close(): void {
    for (const [id, account] of this.#open) this.#check(id, account)
    this.#open.clear()
  }

  fail(what: string): void {
    this.#report(what)
  }

  #check(id: number, { mayRunTwice, outcome, runs }: Account): void {
    if (outcome === undefined) return this.#report(`call ${id} has not ended`)
    const notRun = outcome.endsWith("NotSent") || neverRun.has(outcome)
    const most = notRun ? 0 : mayRunTwice ? 3 : 1
    if (runs > most) this.#report(`call ${id} (${outcome}) was run ${runs} times, and may be run ${most} times`)
    if (outcome === "answered" && runs === 0) this.#report(`call ${id} was answered and not run`)
  }

  #report(what: string): void {
    // A thousand lines say no more than twenty.
    if (this.wrong.length < 20) this.wrong.push(what)
  }
}

/** Errors that say that nothing was sent. */
const neverRun: ReadonlySet<string> = new Set([
  "AcquireTimeout",
  "PoolSaturated",
  "CircuitOpen",
  "McpConnectError",
  "UnsupportedCapability",
  "HandlersRefused"
])
