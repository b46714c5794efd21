/**
 * Which connection an affinity had last, so that whoever comes back to it has either that one or an error, never another
 * without a word. What lives is known as long as its connection does; of those that are gone, the last 10,000 are
 * remembered until somebody asks for them, once each.
 *
 * @since 0.1.0
 */
import * as MutableHashMap from "effect/MutableHashMap"
import * as Option from "effect/Option"
import type { McpConnection } from "../McpConnection.js"
import type { ServerKey } from "../ServerKey.js"

/**
 * One life of an affinity: from its first session to the end of the connection.
 *
 * @since 0.1.0
 * @category models
 */
export interface Life {
  readonly key: ServerKey
  /** `undefined` when it has ended. */
  readonly connection: McpConnection | undefined
  /** Why it has ended. */
  readonly reason: string
}

/** How many ends are remembered at most: some 200 bytes each. */
const remembered = 10_000

/**
 * @since 0.1.0
 * @category models
 */
export class Affinities {
  private readonly lives = MutableHashMap.empty<ServerKey, Life>()
  private readonly ended = new Set<Life>()

  /** What was begun last, dead or alive. */
  get(key: ServerKey): Life | undefined {
    return Option.getOrUndefined(MutableHashMap.get(this.lives, key))
  }

  /** From now on the affinity has this connection. */
  begin(key: ServerKey, connection: McpConnection): Life {
    const life = { key, connection, reason: "" }
    MutableHashMap.set(this.lives, key, life)
    connection.onClosed((reason) => this.end(life, reason))
    return life
  }

  /** Somebody knows that it has ended, or has ended it. */
  forget(life: Life): void {
    this.ended.delete(life)
    if (this.get(life.key) === life) MutableHashMap.remove(this.lives, life.key)
  }

  /** The server is not there any more, and neither is what it knew. */
  forgetServer(name: string): void {
    for (const [key, life] of [...this.lives]) if (key.server === name) this.forget(life)
  }

  private end(life: Mutable<Life>, reason: string): void {
    life.connection = undefined
    life.reason = reason
    if (this.get(life.key) !== life) return
    this.ended.add(life)
    if (this.ended.size <= remembered) return
    for (const oldest of this.ended) return this.forget(oldest)
  }
}

type Mutable<A> = { -readonly [K in keyof A]: A[K] }
