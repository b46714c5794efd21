/** What a check found: the number of the law that was broken, how, and when. A run collects them all. */
export interface Violation {
  readonly law: number
  readonly what: string
  /** Milliseconds on the run's monotonic clock. */
  readonly at: number
  /** The index of the command that was being played. */
  readonly step: number
}

export class Verdict {
  readonly violations: Array<Violation> = []
  step = 0

  constructor(readonly now: () => number) {}

  /** Records a broken law. */
  readonly broken = (law: number, what: string): void => {
    if (this.violations.length < 200) {
      this.violations.push({ law, what, at: this.now(), step: this.step })
    }
  }

  /** Records a broken law unless `holds`. */
  readonly expect = (law: number, holds: boolean, what: () => string): void => {
    if (!holds) this.broken(law, what())
  }
}

export const render = (violations: ReadonlyArray<Violation>): string =>
  violations.map((v) => `L${v.law} broken at ${v.at} ms, command ${v.step}: ${v.what}`).join("\n")
