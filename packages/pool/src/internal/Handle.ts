/**
 * What an open item can say to the pool that holds it. It stands for the item and decides nothing: the host is told.
 */
import type { Deadlines } from "../Deadlines.js"
import type { ItemHandle } from "../Pool.js"
import type { CloseReason } from "../PoolEvent.js"
import { type Item, wholeMillis } from "./Item.js"
import type { KeyState } from "./KeyState.js"

/** What becomes of what is said. */
export interface HandleHost<K, A, E> {
  readonly retire: (item: Item<K, A, E>, reason: CloseReason, detail: string) => void
  readonly proven: (item: Item<K, A, E>) => void
  readonly trackIdle: (item: Item<K, A, E>) => void
  readonly pump: (key: KeyState<K, A, E>) => void
  readonly wentIdle: (key: KeyState<K, A, E>) => void
  /** Begins to probe an item that idles; absent where nothing is probed. */
  readonly probe: ((item: Item<K, A, E>) => void) | undefined
}

export class Handle<in out K, in out A, in out E> implements ItemHandle {
  constructor(
    private readonly item: Item<K, A, E>,
    private readonly deadlines: Deadlines,
    private readonly host: HandleHost<K, A, E>
  ) {}

  get id(): number {
    return this.item.id
  }

  // Whoever opens the item may hand these on alone, so none may need its `this`.

  readonly retire = (reason: string): void => {
    this.host.retire(this.item, "retired", reason)
    this.host.pump(this.item.key)
  }

  readonly setConcurrency = (concurrency: number): void => {
    const { item } = this
    if (!(concurrency >= 1)) return
    item.concurrency = Math.floor(concurrency)
    item.ownConcurrency = true
    if (item.state !== "ready") return
    item.key.place(item)
    this.host.pump(item.key)
  }

  readonly alive = (): void => this.host.proven(this.item)

  readonly suspect = (): void => {
    this.item.provenAt = never
  }

  readonly keep = (): (() => void) => {
    let kept = true
    this.item.keeps++
    if (this.item.keeps === 1) this.keptNow()
    return () => {
      if (!kept) return
      kept = false
      this.item.keeps--
      if (this.item.keeps === 0) this.keptNoMore()
    }
  }

  /** It is open, and is kept. */
  keptNow(): void {
    const { item } = this
    if (item.state !== "ready") return
    item.key.kept++
    // What is heard on it may be silence: only asking tells whether anybody is there.
    if (item.health !== undefined || this.host.probe === undefined) return
    this.host.probe(item)
    item.probedWhileKept = true
  }

  private keptNoMore(): void {
    const { item } = this
    if (item.state !== "ready") return
    item.key.kept--
    if (item.probedWhileKept) {
      item.probedWhileKept = false
      item.health?.stop()
      item.health = undefined
    }
    if (!item.isIdle) return
    // It was of use until now.
    item.idleSince = wholeMillis(this.deadlines.now())
    item.key.place(item)
    this.host.trackIdle(item)
    this.host.wentIdle(item.key)
  }
}

/** When an item that is under suspicion last answered. Milliseconds; a small integer, as the times of items are. */
const never = -(2 ** 30)
