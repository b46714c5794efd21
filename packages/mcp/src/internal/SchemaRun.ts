/**
 * A JSON Schema as it is evaluated: a tree (with cycles, where it has `$ref`) of nodes, each a list of checks, and what
 * one evaluation may cost. Nothing here knows keywords.
 */

/** Why a value does not fit. `path` begins at the innermost place. */
export class Failure {
  readonly path: Array<string | number> = []
  constructor(readonly reason: string) {}

  within(place: string | number): this {
    this.path.push(place)
    return this
  }
}

export type Check = (value: unknown, run: Run) => Failure | undefined

export interface Node {
  readonly checks: Array<Check>
}

/** It would cost more than it may. */
export class Exceeded extends Error {}

/** Nested deeper than any data that passes `Limits`, also where each level goes through a `$ref`. */
const deepest = 1100

/** One evaluation, and what is left of its cost. A step is what looking at one small value takes. */
export class Run {
  private depth = 0
  constructor(private left: number) {}

  spend(steps: number): void {
    this.left -= steps
    if (this.left < 0) throw new Exceeded("too many steps")
  }

  check({ checks }: Node, value: unknown): Failure | undefined {
    this.spend(1 + checks.length)
    if (++this.depth > deepest) throw new Exceeded("too deep")
    for (const check of checks) {
      const failure = check(value, this)
      if (failure === undefined) continue
      this.depth--
      return failure
    }
    this.depth--
    return undefined
  }

  /** The text of a value, in which members stand in order: equal values have the same. */
  canonical(value: unknown): string {
    this.spend(1)
    if (typeof value === "string") this.spend(value.length / 32)
    // Only data that was parsed from JSON is checked, and that has a text.
    if (typeof value !== "object" || value === null) return JSON.stringify(value)
    if (Array.isArray(value)) return `[${value.map((each) => this.canonical(each)).join()}]`
    const members = Object.entries(value).map(([name, each]) => `${JSON.stringify(name)}:${this.canonical(each)}`)
    return `{${members.sort().join()}}`
  }
}
