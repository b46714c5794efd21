/** Who is who in a scenario: the subject that others are compared with, and the floor. */
interface Named {
  readonly figures: ReadonlyArray<{ readonly name: string; readonly median: number | null }>
  readonly ours?: string | undefined
  readonly floor?: string | undefined
}

export interface Roles {
  /** Name and median of Mooring; `undefined` where the scenario is about nobody's, or it was not measured. */
  readonly ours: { readonly name: string; readonly median: number } | undefined
  readonly floor: { readonly name: string; readonly median: number } | undefined
}

export const of = ({ figures, floor, ours }: Named): Roles => {
  const find = (is: (name: string) => boolean) => {
    const found = figures.find(({ name }) => is(name))
    return found === undefined || found.median === null || Number.isNaN(found.median)
      ? undefined
      : { name: found.name, median: found.median }
  }
  return {
    ours: find((name) => (ours === undefined ? name.startsWith("Mooring") : name === ours)),
    floor: find((name) => (floor === undefined ? name.endsWith("by hand") : name === floor))
  }
}
