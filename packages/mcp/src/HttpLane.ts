/**
 * Lets so many calls be under way at once, the others wait for their turn in order. What must not wait behind requests
 * goes in a lane of its own.
 *
 * @since 0.1.0
 */
import { Chain, type Linked } from "./internal/Chain.js"

/**
 * @since 0.1.0
 * @category models
 */
export interface Turn extends Linked<Turn> {
  /** It is its turn. It calls `leave` of the lane exactly once afterwards. */
  go(): void
}

/**
 * @since 0.1.0
 * @category models
 */
export class HttpLane {
  /** How many wait for their turn. */
  waits = 0
  private active = 0
  private readonly waiting = new Chain<Turn>()
  private moving = false
  private held = false

  constructor(private readonly limit: number) {}

  enter(turn: Turn): void {
    this.waiting.add(turn)
    this.waits++
    this.move()
  }

  /** Takes one out that has not had its turn. Whether it was still waiting. */
  withdraw(turn: Turn): boolean {
    const waited = this.waiting.delete(turn)
    if (waited) this.waits--
    return waited
  }

  leave(): void {
    this.active--
    this.move()
  }

  /** Nobody has a turn until `release`. */
  hold(): void {
    this.held = true
  }

  release(): void {
    this.held = false
    this.move()
  }

  /** By a loop, since a turn may be over within `go`: a thousand of them must not stand on each other's stack. */
  private move(): void {
    if (this.moving) return
    this.moving = true
    while (!this.held && this.active < this.limit) {
      const next = this.waiting.first
      if (next === undefined) break
      this.waiting.delete(next)
      this.waits--
      this.active++
      next.go()
    }
    this.moving = false
  }
}
