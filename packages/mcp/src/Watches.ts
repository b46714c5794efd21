/**
 * The watches of all keys of a pool, and what can be read off them: the status of a key, of all keys, and a stream of
 * its changes. They belong to the pool; a key that the pool has forgotten is forgotten here, too.
 *
 * @since 0.1.0
 */
import type { Pool, PoolEvent } from "@mooring/pool"
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as MutableHashMap from "effect/MutableHashMap"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import type { ServerChange } from "./Registry.js"
import { type ServerKey, sharedPartition, withoutAffinity } from "./ServerKey.js"
import { ServerMetrics } from "./ServerMetrics.js"
import type { Server, Servers } from "./Servers.js"
import * as ServerStatus from "./ServerStatus.js"
import { type Host, Watch } from "./Watch.js"

/** What can be asked of the pool about a key. */
type Asked = Pick<Pool.Pool<ServerKey, never, never>, "keyStats">

/**
 * @since 0.1.0
 * @category models
 */
export class Watches {
  private readonly watches = MutableHashMap.empty<ServerKey, Watch>()
  /** How many connections of affinities are open, by the key that they are set apart from. */
  private readonly affine = MutableHashMap.empty<ServerKey, number>()
  private readonly metrics = new Map<string, ServerMetrics>()
  /** By the key as events name it. Two keys may have one name: then one is told in vain. */
  private readonly listeners = new Map<string, Set<() => void>>()
  private readonly queues = new Map<Queue.Queue<void>, ServerKey>()
  /** How many watches there may be before it is looked for those that nobody needs. */
  private roomy = 64

  constructor(
    private readonly servers: Servers,
    private readonly clock: Pick<Host, "now" | "wallMillis">
  ) {}

  /** The watch of a key. */
  of(key: ServerKey, pool: Asked): Effect.Effect<Watch> {
    return Effect.suspend(() => {
      const known = Option.getOrUndefined(MutableHashMap.get(this.watches, key))
      return known === undefined ? Effect.as(this.tidy(pool), this.make(key)) : Effect.succeed(known)
    })
  }

  /** What is counted of the connections of a server. */
  metricsOf(server: Server): ServerMetrics {
    const metrics = this.metrics.get(server.name) ?? new ServerMetrics(server)
    this.metrics.set(server.name, metrics)
    return metrics
  }

  /** A server has changed: what does not hold any more is forgotten. */
  readonly changed = ({ after, before, kind, name, rekeyed }: ServerChange): void => {
    if (kind !== "Removed" && kind !== "Replaced") return
    if (after === undefined || before === undefined || !ServerMetrics.isSame(before, after)) this.metrics.delete(name)
    for (const [key, watch] of [...this.watches]) {
      if (key.server !== name) continue
      if (rekeyed) MutableHashMap.remove(this.watches, key)
      else watch.renew()
    }
    if (!rekeyed) return
    // Nothing will ever be told of these keys.
    const over = [...this.queues].flatMap(([queue, key]) => (key.server === name ? [queue] : []))
    Effect.runSync(Effect.forEach(over, Queue.shutdown, { discard: true }))
  }

  private make(key: ServerKey): Watch {
    const watch = new Watch(key, {
      ...this.clock,
      changed: (changed) => this.tell(changed.toString()),
      opened: this.opened
    })
    MutableHashMap.set(this.watches, key, watch)
    return watch
  }

  /** Lets go of keys that the pool has forgotten, each time that there are twice as many as were left. */
  private tidy(pool: Asked): Effect.Effect<void> {
    if (MutableHashMap.size(this.watches) < this.roomy) return Effect.void
    const forgotten = Effect.filter([...this.watches], ([key, watch]) =>
      watch.isUsed || this.isLasting(key)
        ? Effect.succeed(false)
        : Effect.map(pool.keyStats(key), (stats) => stats === undefined)
    )
    return Effect.map(forgotten, (gone) => {
      for (const [key] of gone) MutableHashMap.remove(this.watches, key)
      this.roomy = Math.max(64, MutableHashMap.size(this.watches) * 2)
    })
  }

  /** Whether it is the key that all callers of a server share: there are only as many as the configuration has. */
  private isLasting(key: ServerKey): boolean {
    return this.isShared(key) && Equal.equals(this.servers.get(key.server)?.key, key)
  }

  private isShared(key: ServerKey): boolean {
    const server = this.servers.get(key.server)
    return server === undefined ? key.partition === sharedPartition : server.settings.isolation !== "perPartition"
  }

  /** Something has happened in the pool. */
  readonly hear = (event: PoolEvent.PoolEvent): void => {
    if (event.key !== undefined) this.tell(event.key)
    else for (const name of this.listeners.keys()) this.tell(name)
  }

  private readonly opened: Host["opened"] = (key, more) => {
    if (key.affinity === undefined) return
    const base = withoutAffinity(key)
    const open = this.affinitiesOf(base) + more
    if (open === 0) MutableHashMap.remove(this.affine, base)
    else MutableHashMap.set(this.affine, base, open)
    this.tell(base.toString())
  }

  private affinitiesOf(key: ServerKey): number {
    return Option.getOrElse(MutableHashMap.get(this.affine, key), () => 0)
  }

  /** Something of the key has failed that is no request: what stands before what the cause says. */
  failed(key: ServerKey, what: string, cause: Cause.Cause<unknown>, pool: Asked): Effect.Effect<void> {
    return this.servers.get(key.server) === undefined
      ? Effect.void
      : Effect.map(this.of(key, pool), (watch) => watch.failed(what, cause))
  }

  private tell(name: string): void {
    for (const listener of this.listeners.get(name) ?? []) listener()
  }

  /** Ends every stream of changes. */
  readonly close: Effect.Effect<void> = Effect.suspend(() =>
    Effect.forEach([...this.queues.keys()], Queue.shutdown, { discard: true })
  )

  /** The status of one key. */
  status(key: ServerKey, pool: Asked): Effect.Effect<ServerStatus.ServerStatus> {
    return Effect.map(pool.keyStats(key), (stats) => {
      const seen = Option.match(MutableHashMap.get(this.watches, key), {
        onNone: () => ServerStatus.nothing,
        onSome: (watch) => watch.seen
      })
      return ServerStatus.make(key, this.isShared(key), seen, this.affinitiesOf(key), stats)
    })
  }

  /**
   * The statuses of all servers in the order of the configuration: one for each whose connections are shared, and one
   * for each other key that the pool knows of and `wanted` lets through.
   */
  statuses(pool: Asked, wanted: (key: ServerKey) => boolean): Effect.Effect<ReadonlyArray<ServerStatus.ServerStatus>> {
    const keysOf = (server: Server) => {
      const lasting = server.settings.isolation === "perPartition" ? [] : [server.key]
      const others = [...this.watches].flatMap(([key]) =>
        key.server === server.name && !this.isLasting(key) && wanted(key) ? [key] : []
      )
      const known = Effect.filter(others, (key) => Effect.map(pool.keyStats(key), (stats) => stats !== undefined))
      return Effect.map(known, (keys) => [...lasting, ...keys])
    }
    return Effect.forEach(this.servers.values(), keysOf).pipe(
      Effect.flatMap((keys) => Effect.forEach(keys.flat(), (key) => this.status(key, pool)))
    )
  }

  /**
   * The status of one key now, and whenever it has changed since. However slow its reader, it slows nothing, and gets
   * what is true when it asks: what came and went meanwhile is left out.
   */
  changes(key: ServerKey, pool: Asked): Stream.Stream<ServerStatus.ServerStatus> {
    const name = key.toString()
    // Room for one: that there is something to see.
    const subscribed = Effect.acquireRelease(
      Effect.map(Queue.sliding<void>(1), (queue) => {
        const listener = () => queue.unsafeOffer(undefined)
        const listeners = this.listeners.get(name) ?? new Set()
        this.listeners.set(name, listeners.add(listener))
        this.queues.set(queue, key)
        return { queue, listener, listeners }
      }),
      ({ listener, listeners, queue }) => {
        listeners.delete(listener)
        if (listeners.size === 0 && this.listeners.get(name) === listeners) this.listeners.delete(name)
        this.queues.delete(queue)
        return Queue.shutdown(queue)
      }
    )
    return Stream.unwrapScoped(
      Effect.map(subscribed, ({ queue }) =>
        Stream.concat(Stream.succeed(undefined), Stream.fromQueue(queue, { maxChunkSize: 1 })).pipe(
          Stream.mapEffect(() => this.status(key, pool)),
          Stream.changesWith(ServerStatus.isSame)
        )
      )
    )
  }
}
