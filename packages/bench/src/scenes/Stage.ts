/**
 * Has one subject do the acts of a scene, within its own process, and keeps account of every call. No two calls have the
 * same text as long as the process lives: an answer that went to another call is noticed, and the server's books show which one was
 * run twice.
 */
import { check } from "../calls/Loop.js"
import type { Act, Outcome } from "./Act.js"
import * as Arrivals from "./Arrivals.js"
import type { Callers } from "./Caller.js"

type Of<Name extends Act["act"]> = Extract<Act, { readonly act: Name }>

export class Stage {
  #caller: Callers | undefined
  #texts = 0

  /** The first server is the one that is called where nothing else is said. */
  constructor(
    private readonly open: () => Promise<Callers>,
    private readonly servers = 1
  ) {}

  play(act: Act): Promise<Outcome> {
    switch (act.act) {
      case "burst":
        return this.#burst(act)
      case "paced":
        return this.#paced(act)
      case "steady":
        return this.#steady(act)
      case "beside":
        return this.#beside(act)
    }
  }

  async close(): Promise<void> {
    const caller = this.#caller
    this.#caller = undefined
    await caller?.close()
  }

  async #opened(): Promise<Callers> {
    return (this.#caller ??= await this.open())
  }

  async #burst({ atOnce, calls, cold }: Of<"burst">): Promise<Outcome> {
    if (cold) await this.close()
    else await this.#opened()
    const account = new Account()
    const caller = await this.#opened()
    await this.#atOnce(caller, account, calls, atOnce)
    return account.outcome()
  }

  async #atOnce(caller: Callers, account: Account, calls: number, atOnce: number): Promise<void> {
    let left = calls
    const loop = async () => {
      while (left-- > 0) await this.#call(caller, account, account.beganAt)
    }
    await Promise.all(Array.from({ length: Math.min(atOnce, calls) }, loop))
  }

  async #paced({ calls, perSecond, seed }: Of<"paced">): Promise<Outcome> {
    const caller = await this.#opened()
    const account = new Account()
    await this.#whenDue(caller, account, Arrivals.poisson(calls, perSecond, seed), () => 0)
    return account.outcome()
  }

  /** One call at each of these times, to the server that is its turn. */
  async #whenDue(
    caller: Callers,
    account: Account,
    due: ReadonlyArray<number>,
    serverOf: (n: number) => number
  ): Promise<void> {
    const under: Array<Promise<unknown>> = []
    for (;;) {
      const now = performance.now() - account.beganAt
      let next = due[under.length]
      while (next !== undefined && next <= now) {
        under.push(this.#call(caller, account, account.beganAt + next, serverOf(under.length)))
        next = due[under.length]
      }
      if (next === undefined) break
      // A timer is a millisecond late, so the last of them are spent looking for answers.
      await pause(next - (performance.now() - account.beganAt) - 2)
    }
    await Promise.all(under)
  }

  async #beside({ atOnce, calls, forMs, perSecond, seed }: Of<"beside">): Promise<Outcome> {
    await this.close()
    const caller = await this.#opened()
    const others = Array.from({ length: this.servers - 1 }, (_, n) => n + 1)
    const connecting = new Account()
    await Promise.all(others.map((server) => this.#call(caller, connecting, connecting.beganAt, server)))
    const due = Arrivals.poisson(Math.ceil((forMs * perSecond) / 1000), perSecond, seed)
    const rest = async (): Promise<Account> => {
      const account = new Account()
      await this.#whenDue(caller, account, due, (n) => 1 + (n % others.length))
      return account
    }
    const first = new Account()
    const [meanwhile] = await Promise.all([rest(), this.#atOnce(caller, first, calls, atOnce)])
    const outcome = first.outcome()
    return { ...outcome, others: { meanwhile: meanwhile.outcome(), afterwards: (await rest()).outcome() } }
  }

  async #steady({ callers, calls, forMs, killAfterMs }: Of<"steady">): Promise<Outcome> {
    const caller = await this.#opened()
    const account = new Account()
    let end = account.beganAt + forMs
    let left = calls
    let answering = unsaid
    let heard: () => void = () => {}
    const firstAnswer = new Promise<void>((resolve) => (heard = resolve))
    const loop = async () => {
      while (left-- > 0 && performance.now() < end) {
        const pid = await this.#call(caller, account, performance.now())
        // What fails at once must not keep out what has been answered.
        if (pid === undefined) await pause(0)
        else {
          answering = pid
          heard()
        }
        if (account.recovered(pid) && killAfterMs !== undefined) end = performance.now() + killAfterMs
      }
    }
    const loops = Promise.all(Array.from({ length: callers }, loop))
    if (killAfterMs !== undefined) {
      await Promise.race([firstAnswer, loops])
      await pause(killAfterMs)
      if (answering !== unsaid) account.kill(answering)
    }
    await loops
    return account.outcome()
  }

  /** Makes a call, and gives the process that has answered it; `undefined` if it failed. */
  async #call(caller: Callers, account: Account, since: number, server = 0): Promise<number | undefined> {
    const text = `call ${this.#texts++}`
    try {
      const result = await caller.call(server, text)
      const tookUs = (performance.now() - since) * 1000
      check(result, text)
      account.answered(tookUs)
      return pidOf(result)
    } catch (error) {
      account.failed(error)
      return undefined
    }
  }
}

/** Of one act. */
class Account {
  readonly beganAt = performance.now()
  readonly #latencies: Array<number> = []
  readonly #failed = new Map<string, number>()
  #killed: { readonly pid: number; readonly at: number } | undefined
  #recoveryMs: number | null = null

  answered(tookUs: number): void {
    this.#latencies.push(tookUs)
  }

  failed(error: unknown): void {
    const name = nameOf(error)
    this.#failed.set(name, (this.#failed.get(name) ?? 0) + 1)
  }

  kill(pid: number): void {
    this.#killed = { pid, at: performance.now() }
    process.kill(pid, "SIGKILL")
  }

  /** Whether this is the first answer of another process than the one that was killed. */
  recovered(pid: number | undefined): boolean {
    if (this.#killed === undefined || this.#recoveryMs !== null) return false
    if (pid === undefined || pid === this.#killed.pid) return false
    this.#recoveryMs = performance.now() - this.#killed.at
    return true
  }

  outcome(): Outcome {
    return {
      wallMs: performance.now() - this.beganAt,
      answered: this.#latencies.length,
      failed: Object.fromEntries(this.#failed),
      latenciesUs: this.#latencies.sort((a, b) => a - b).map(Math.round),
      recoveryMs: this.#recoveryMs
    }
  }
}

const pause = (ms: number): Promise<void> =>
  new Promise((resolve) => (ms > 0 ? setTimeout(resolve, ms) : setImmediate(resolve)))

/** No process has this ID. */
const unsaid = 0

/** The process that has answered, where the server says so (`servers/work`). */
const pidOf = (result: unknown): number => {
  const { _meta } = result as { readonly _meta?: { readonly pid?: number } }
  return _meta?.pid ?? unsaid
}

/** What an error is and, where it says so, whether the call can have run. Longer texts would make a row for each call. */
const nameOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error)
  const { delivery } = error as { readonly delivery?: string }
  const name = delivery === undefined ? error.name : `${error.name} ${delivery}`
  return "_tag" in error ? name : `${name}: ${error.message}`
}
