/**
 * What all keys share: items in the pool and in each group, and connects at once. Keys that want to grow and may not
 * wait here in order; whoever frees something lets the first of them try.
 */
import { IdleList } from "./IdleList.js"
import type { Item } from "./Item.js"
import type { KeyState } from "./KeyState.js"

export class Group<in out K, in out A, in out E> {
  readonly idle = new IdleList<K, A, E>()
  /** Keys that wait for room within the quota. */
  readonly starved = new Set<KeyState<K, A, E>>()
  keys = 0
  total = 0
  closing = 0

  constructor(
    readonly name: string | symbol,
    /** Items at most. */
    readonly quota: number
  ) {}
}

export class Capacity<in out K, in out A, in out E> {
  readonly groups = new Map<string | symbol, Group<K, A, E>>()
  private readonly starvedOfTotal = new Set<KeyState<K, A, E>>()
  private readonly starvedOfConnects = new Set<KeyState<K, A, E>>()
  /** Groups whose keys wait for their quota, in the order in which they began to. */
  private readonly starvedGroups = new Set<Group<K, A, E>>()
  private total = 0
  private closing = 0
  private connecting = 0
  /** Whether idle items have to be found again, in order. */
  readonly tracksIdle: boolean

  constructor(
    private readonly limits: {
      readonly maxTotal: number
      readonly maxConnecting: number
      readonly quota: number
    },
    private readonly host: {
      /** Opens one item for the key if it still wants one; says whether it did. */
      readonly tryGrow: (key: KeyState<K, A, E>) => boolean
      /** Closes an idle item to make room. */
      readonly reclaim: (item: Item<K, A, E>) => void
    }
  ) {
    this.tracksIdle = limits.maxTotal !== Infinity || limits.quota !== Infinity
  }

  get isStarved(): boolean {
    return this.starvedOfTotal.size + this.starvedOfConnects.size + this.starvedGroups.size > 0
  }

  /** The group of that name; without a name one for this key alone, which no quota binds. */
  join(name: string | undefined): Group<K, A, E> {
    const id = name ?? Symbol("alone")
    let group = this.groups.get(id)
    if (group === undefined) {
      group = new Group(id, name === undefined ? Infinity : this.limits.quota)
      this.groups.set(id, group)
    }
    group.keys++
    return group
  }

  leave(group: Group<K, A, E>): void {
    group.keys--
    if (group.keys === 0) this.groups.delete(group.name)
  }

  connectStarted(key: KeyState<K, A, E>): void {
    this.total++
    key.group.total++
    this.connecting += key.config.connectWeight
  }

  connectEnded(weight: number): void {
    this.connecting -= weight
  }

  closeStarted(key: KeyState<K, A, E>): void {
    this.closing++
    key.group.closing++
  }

  closeEnded(item: Item<K, A, E>): void {
    const { key } = item
    this.closing--
    key.group.closing--
    this.total--
    key.group.total--
  }

  /** The queue that the key has to wait in before it may connect; `undefined` when it may now. */
  private obstacle(key: KeyState<K, A, E>): Set<KeyState<K, A, E>> | undefined {
    const { group } = key
    if (group.total >= group.quota || isBehind(group.starved, key)) return group.starved
    if (this.total >= this.limits.maxTotal || isBehind(this.starvedOfTotal, key)) return this.starvedOfTotal
    const tooMany = this.connecting > 0 && this.connecting + key.config.connectWeight > this.limits.maxConnecting
    if (tooMany || isBehind(this.starvedOfConnects, key)) return this.starvedOfConnects
    return undefined
  }

  /** Whether the key may connect now. If not, it waits its turn, and room is made where that is possible. */
  admit(key: KeyState<K, A, E>): boolean {
    const obstacle = this.obstacle(key)
    if (obstacle === undefined) {
      this.forget(key)
      return true
    }
    if (!obstacle.has(key)) {
      this.forget(key)
      obstacle.add(key)
      if (obstacle === key.group.starved) this.starvedGroups.add(key.group)
    }
    this.makeRoom(obstacle, key)
    return false
  }

  /** The key no longer wants to grow. */
  forget(key: KeyState<K, A, E>): void {
    this.starvedOfTotal.delete(key)
    this.starvedOfConnects.delete(key)
    const { group } = key
    group.starved.delete(key)
    if (group.starved.size === 0) this.starvedGroups.delete(group)
  }

  /** Something was freed: lets those try that wait, in order, as long as one succeeds. */
  relieve(): void {
    while (this.relieveOnce()) {
      // as long as one could grow
    }
  }

  private relieveOnce(): boolean {
    for (const queue of this.queues()) {
      for (const key of queue) {
        if (this.host.tryGrow(key)) return true
        // Who still wants to grow, and may not, stays in front; who no longer wants to was taken out.
        if (queue.has(key)) break
      }
    }
    return false
  }

  private queues(): Array<Set<KeyState<K, A, E>>> {
    const ofQuotas = Array.from(this.starvedGroups, ({ starved }) => starved)
    return [...ofQuotas, this.starvedOfTotal, this.starvedOfConnects]
  }

  /** Closes one idle item that its key can do without, unless enough is free or closing already. */
  private makeRoom(queue: Set<KeyState<K, A, E>>, key: KeyState<K, A, E>): void {
    if (queue === this.starvedOfConnects) return
    const mayGo = (item: Item<K, A, E>) =>
      item.key !== key && item.reservedFor === undefined && !(item.key.pinned && item.key.ready <= item.key.config.min)
    const { group } = key
    const quotaIsShort = this.placesWithin(group) < group.starved.size
    if (!quotaIsShort && this.limits.maxTotal - this.total + this.closing >= this.placesWanted()) return
    const find = (which: (item: Item<K, A, E>) => boolean) =>
      quotaIsShort ? group.idle.first(which) : this.leastNeeded(group, which)
    const item = find((each) => each.keeps === 0 && mayGo(each)) ?? find(mayGo)
    if (item !== undefined) this.host.reclaim(item)
  }

  /**
   * An idle item of the group that holds most. The group that wants one more counts with that one, and gives way at a
   * tie: it takes from others only where they would still hold as much as it does, so no two groups ever take turns.
   */
  private leastNeeded(wanting: Group<K, A, E>, mayGo: (item: Item<K, A, E>) => boolean): Item<K, A, E> | undefined {
    let found: Item<K, A, E> | undefined
    let most = -Infinity
    for (const group of this.groups.values()) {
      const holds = group === wanting ? group.total + 1.5 : group.total
      const item = holds > most ? group.idle.first(mayGo) : undefined
      if (item === undefined) continue
      found = item
      most = holds
    }
    return found
  }

  /** How many items a group may open when all that is closing in it has closed. */
  private placesWithin(group: Group<K, A, E>): number {
    return group.quota - group.total + group.closing
  }

  /** How many places in the pool those who wait will take: of those who wait for a quota, as many as that lets pass. */
  private placesWanted(): number {
    let wanted = this.starvedOfTotal.size
    for (const group of this.starvedGroups) wanted += Math.min(group.starved.size, this.placesWithin(group))
    return wanted
  }
}

const isBehind = <T>(queue: Set<T>, key: T): boolean => {
  for (const first of queue) return first !== key
  return false
}
