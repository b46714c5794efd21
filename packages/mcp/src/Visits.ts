/**
 * Addresses that one server wants a person to visit, and whose handlers hear that it was done: those that have agreed to
 * it, or that a call was refused for the sake of. Bounded, and nothing is remembered for those who have ended.
 *
 * @since 0.1.0
 */
import type { Owner } from "./ServerQuestion.js"

/**
 * @since 0.1.0
 * @category models
 */
export class Visits {
  private readonly visits = new Map<string, Visit>()

  /** `tell` has the first of these owners that has a handler for it hear of what is done. */
  constructor(private readonly tell: (elicitationId: string, owners: ReadonlyArray<Owner>) => void) {}

  /** How many are remembered. */
  get size(): number {
    return this.visits.size
  }

  /** A call was refused until this is done. */
  required(elicitationId: string, owners: ReadonlyArray<Owner>): void {
    this.remember(elicitationId, { owners, isAgreed: true, isDone: false })
  }

  /** The owner is asked for it: says then whether he has agreed. What is done before that is told when he has. */
  asked(elicitationId: string, owner: Owner): (agreed: boolean) => void {
    const visit = { owners: [owner], isAgreed: false, isDone: false }
    this.remember(elicitationId, visit)
    return (agreed) => {
      if (this.visits.get(elicitationId) !== visit) return
      visit.isAgreed = agreed
      if (!agreed) this.visits.delete(elicitationId)
      else if (visit.isDone) this.done(elicitationId)
    }
  }

  /** The server says that it is done, or says something else. Told once. */
  done(elicitationId: unknown): void {
    // An id that is none of these, whatever it is, finds nothing.
    const visit = this.visits.get(elicitationId as string)
    if (visit === undefined) return
    visit.isDone = true
    if (!visit.isAgreed) return
    this.visits.delete(elicitationId as string)
    this.tell(elicitationId as string, visit.owners)
  }

  /** The owner has ended, and hears of nothing any more. */
  forget(owner: Owner): void {
    for (const [id, visit] of this.visits) {
      if (!visit.owners.includes(owner)) continue
      visit.owners = visit.owners.filter((each) => each !== owner)
      if (visit.owners.length === 0) this.visits.delete(id)
    }
  }

  private remember(elicitationId: string, visit: Visit): void {
    if (elicitationId.length > longestId) return
    this.visits.set(elicitationId, visit)
    if (this.visits.size <= mostVisits) return
    for (const oldest of this.visits.keys()) return void this.visits.delete(oldest)
  }
}

interface Visit {
  owners: ReadonlyArray<Owner>
  isAgreed: boolean
  isDone: boolean
}

/** Nobody knows of more of them at once … */
const mostVisits = 1000

/** … nor of one whose id is longer than any that is one. Characters. */
const longestId = 1000
