/**
 * What tools each server has, asked once for all callers. There is one list for each server key, so nothing of one
 * partition is seen by another. It is loaded by the first who reads it, on a fiber that no caller can end, and loaded
 * again when the server says that it has changed, after a time (`catalogueRefresh`), and when a connection shows
 * another version of the server. Meanwhile, and when that fails, the old one stays. It ends with its scope.
 *
 * Refreshing never wakes a server that sleeps, nor keeps one awake: a list that nobody's calls stand behind is only
 * marked as overdue, and refreshed when it is next read. A partition's list goes with the last of its connections; that
 * of connections that all share stays.
 *
 * @since 0.1.0
 */
import { PoolError } from "@mooring/pool"
import type { Tool } from "@modelcontextprotocol/sdk/types.js"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as FiberSet from "effect/FiberSet"
import * as MutableHashMap from "effect/MutableHashMap"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type { CallError } from "./CallPath.js"
import type { McpConnection } from "./McpConnection.js"
import type * as McpPool from "./McpPool.js"
import { permitted } from "./ServerCalls.js"
import type { ServerChange } from "./Registry.js"
import type { ServerKey } from "./ServerKey.js"
import type { Server } from "./Servers.js"

/**
 * How long after a server has said that its tools changed they are asked for: what it says meanwhile is heard with it.
 * At least `atLeast`, and `times` as long as the last list took (up to `atMost`), so that a server which says so all the
 * time, or whose list is very long, takes no more than a twentieth of the time.
 *
 * @since 0.1.0
 * @category constants
 */
export const debounce = { atLeast: Duration.millis(500), times: 20, atMost: Duration.minutes(5) } as const

/**
 * What is known of one server's tools.
 *
 * @since 0.1.0
 * @category models
 */
export interface Snapshot {
  /** Without those that the configuration hides. */
  readonly tools: ReadonlyArray<Tool>
  /** When they were loaded, by the clock of the layer. Milliseconds since 1970. */
  readonly loadedAt: number
  /** They are being asked for again. */
  readonly refreshing: boolean
  /** Why they could not be loaded again since. */
  readonly failure: Cause.Cause<CallError> | undefined
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Catalogue {
  /**
   * The tools of a key: those that are known, at once; else as soon as they are loaded. A load that fails fails all who
   * wait for it, and is not remembered.
   */
  readonly tools: (server: Server, key: ServerKey) => Effect.Effect<ReadonlyArray<Tool>, CallError>
  /** As `tools`, and never what was asked for before this effect began. */
  readonly fresh: (server: Server, key: ServerKey) => Effect.Effect<ReadonlyArray<Tool>, CallError>
  /** What is known now. Asks the server nothing. */
  readonly snapshot: (key: ServerKey) => Snapshot | undefined
  /** A server has changed: what does not hold any more is forgotten. */
  readonly changed: (change: ServerChange) => void
}

/**
 * The catalogue of a pool's servers. `load` asks for a list, over the pool.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  { failed, onConnection, pool, servers }: McpPool.Service,
  load: (server: Server, key: ServerKey) => Effect.Effect<ReadonlyArray<Tool>, CallError>
): Effect.Effect<Catalogue, never, Scope.Scope> =>
  Effect.gen(function* () {
    const fork = yield* FiberSet.makeRuntime<never, unknown, CallError>()
    const clock = yield* Effect.clock
    const shelf = new Shelf({
      now: () => clock.unsafeCurrentTimeMillis(),
      fork,
      load: (server, key) => Effect.zip(load(server, key), borrows(pool, key)),
      borrows: (key) => borrows(pool, key),
      failed
    })
    const unhook = onConnection((connection) => {
      const server = servers.get(connection.key.server)
      if (server !== undefined) shelf.connected(server, connection)
    })
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        unhook()
        shelf.close()
      })
    )
    return {
      tools: (server, key) => Effect.suspend(() => shelf.read(server, key)),
      fresh: (server, key) => Effect.suspend(() => Deferred.await(shelf.reload(shelf.entry(server, key)).done)),
      snapshot: (key) => shelf.snapshot(key),
      changed: (change) => shelf.changed(change)
    }
  })

/** How often something of the key was borrowed. */
const borrows = (pool: McpPool.Service["pool"], key: ServerKey): Effect.Effect<number> =>
  Effect.map(pool.keyStats(key), (stats) => stats?.started ?? 0)

interface Host {
  readonly now: () => number
  readonly fork: <A>(effect: Effect.Effect<A, CallError>) => Fiber.RuntimeFiber<A, CallError>
  readonly load: (server: Server, key: ServerKey) => Effect.Effect<[ReadonlyArray<Tool>, number], CallError>
  readonly borrows: (key: ServerKey) => Effect.Effect<number>
  readonly failed: McpPool.Service["failed"]
}

/** One answer that is waited for. */
class Load {
  readonly done = Deferred.unsafeMake<ReadonlyArray<Tool>, CallError>(FiberId.none)
}

/** All that is known of one key. */
class Entry {
  /** Connections that are open. */
  open = 0
  /** Which version of which server answers there. */
  identity: string | undefined
  known: { readonly tools: ReadonlyArray<Tool>; readonly loadedAt: number } | undefined
  /** `known` with those that the configuration hides. */
  all: ReadonlyArray<Tool> = []
  failure: Cause.Cause<CallError> | undefined
  loading: Load | undefined
  /** What runs `loading`. */
  loader: Fiber.RuntimeFiber<[ReadonlyArray<Tool>, number], CallError> | undefined
  /** Begins when `loading` has ended: for what changed since that began. */
  next: Load | undefined
  /** To be refreshed when it is next read. */
  overdue = false
  /** The server has said that its tools changed, and what else it says is waited for. */
  noticed = false
  /** What `borrows` was when it was last loaded. */
  borrowed = 0
  /** When the last load began, and how long the last that ended took. Milliseconds. */
  beganAt = 0
  took = 0
  refresher: Fiber.RuntimeFiber<unknown, CallError> | undefined

  constructor(
    public server: Server,
    readonly key: ServerKey
  ) {}
}

class Shelf {
  private readonly entries = MutableHashMap.empty<ServerKey, Entry>()
  private closed = false

  constructor(private readonly host: Host) {}

  entry(server: Server, key: ServerKey): Entry {
    const found = MutableHashMap.get(this.entries, key)
    if (Option.isSome(found)) return found.value
    const entry = new Entry(server, key)
    MutableHashMap.set(this.entries, key, entry)
    return entry
  }

  read(server: Server, key: ServerKey): Effect.Effect<ReadonlyArray<Tool>, CallError> {
    const entry = this.entry(server, key)
    const { known } = entry
    if (known === undefined) return Deferred.await((entry.loading ?? this.begin(entry)).done)
    if (entry.overdue && entry.loading === undefined) this.begin(entry)
    return Effect.succeed(known.tools)
  }

  snapshot(key: ServerKey): Snapshot | undefined {
    const entry = Option.getOrUndefined(MutableHashMap.get(this.entries, key))
    if (entry?.known === undefined) return undefined
    return { ...entry.known, refreshing: entry.loading !== undefined, failure: entry.failure }
  }

  changed({ after, kind, name, rekeyed }: ServerChange): void {
    if (kind === "Added") return
    for (const [key, entry] of [...this.entries]) {
      if (key.server !== name) continue
      entry.refresher?.unsafeInterruptAsFork(FiberId.none)
      entry.refresher = undefined
      if (after === undefined || rekeyed) {
        // Whoever waits for its list gets it, or hears that the server has gone.
        MutableHashMap.remove(this.entries, key)
        continue
      }
      entry.server = after
      if (kind === "Replaced") {
        entry.known = undefined
        entry.identity = undefined
        this.replaced(entry)
      } else if (entry.known !== undefined) {
        entry.known = { ...entry.known, tools: permitted(after, entry.all) }
        this.keepFresh(entry)
      }
    }
  }

  /** A load that begins now, or as soon as the one has ended that has begun already. */
  reload(entry: Entry): Load {
    return entry.loading === undefined ? this.begin(entry) : (entry.next ??= new Load())
  }

  connected(server: Server, connection: McpConnection): void {
    const entry = this.entry(server, connection.key)
    // Nothing was heard of changes while none was open.
    if (entry.open === 0) entry.overdue = true
    entry.open++
    connection.onClosed(() => {
      entry.open--
      this.tidy(entry)
    })
    connection.onNotification(({ method }) => {
      if (method === "notifications/tools/list_changed") this.notice(entry)
    })
    const { protocolVersion, serverInfo } = connection
    const identity = JSON.stringify([serverInfo.name, serverInfo.version, protocolVersion])
    if (entry.identity !== undefined && entry.identity !== identity) this.replaced(entry)
    entry.identity = identity
  }

  close(): void {
    this.closed = true
  }

  private begin(entry: Entry, load = new Load()): Load {
    entry.loading = load
    if (this.closed) {
      this.settle(entry, load, Exit.interrupt(FiberId.none))
      return load
    }
    entry.beganAt = this.host.now()
    // Nothing of the caller's goes with it: what it finds is for all.
    const loader = this.host.fork(this.host.load(entry.server, entry.key))
    entry.loader = loader
    loader.addObserver((exit) => {
      if (entry.loader === loader) this.settle(entry, load, exit)
    })
    return load
  }

  private settle(entry: Entry, load: Load, exit: Exit.Exit<[ReadonlyArray<Tool>, number], CallError>): void {
    entry.took = this.host.now() - entry.beganAt
    if (Exit.isSuccess(exit)) {
      const [all, borrowed] = exit.value
      const tools = permitted(entry.server, all)
      entry.all = all
      entry.known = { tools, loadedAt: this.host.now() }
      entry.failure = undefined
      entry.overdue = false
      entry.borrowed = borrowed
      Deferred.unsafeDone(load.done, Exit.succeed(tools))
      this.keepFresh(entry)
    } else {
      // Only the end of the layer interrupts a load.
      const cause = Cause.isInterruptedOnly(exit.cause)
        ? Cause.fail(new PoolError.PoolClosed({ key: entry.key.toString() }))
        : exit.cause
      this.failed(entry, cause)
      Deferred.unsafeDone(load.done, Exit.failCause(cause))
    }
    const { next } = entry
    entry.loader = undefined
    entry.loading = undefined
    entry.next = undefined
    if (next !== undefined) this.begin(entry, next)
    else this.tidy(entry)
  }

  private failed(entry: Entry, cause: Cause.Cause<CallError>): void {
    // Those who wait for it are told; of one that nobody waits for, the log tells and the status.
    if (entry.known === undefined || this.closed) return
    entry.failure = cause
    entry.overdue = true
    const what = `The tools of MCP server "${entry.key}" could not be listed again; the old list stays`
    const log = Effect.annotateLogs(Effect.logWarning(what, cause), "mcp.server", entry.key.server)
    this.host.fork(Effect.zipRight(this.host.failed(entry.key, what, cause), log))
  }

  /** The server says that its tools are others now. */
  private notice(entry: Entry): void {
    if (entry.noticed || this.closed || (entry.known === undefined && entry.loading === undefined)) return
    entry.noticed = true
    const pause = Duration.clamp(Duration.millis(debounce.times * Math.max(0, entry.took)), {
      minimum: debounce.atLeast,
      maximum: debounce.atMost
    })
    this.host.fork(
      Effect.map(Effect.sleep(pause), () => {
        entry.noticed = false
        // Of a server that is gone, a connection may have a call yet.
        if (entry.open === 0 || !this.isKept(entry)) entry.overdue = true
        else this.reload(entry)
      })
    )
  }

  /** Another version of the server answers: nothing that the old one had is told any more. */
  private replaced(entry: Entry): void {
    const { known, loader, loading } = entry
    entry.known = undefined
    entry.failure = undefined
    if (known === undefined && loading === undefined) return
    // Whoever waits for a list that may be the old one's waits for another.
    this.begin(entry, loading)
    loader?.unsafeInterruptAsFork(FiberId.none)
  }

  private keepFresh(entry: Entry): void {
    const { catalogueRefresh } = entry.server.settings
    if (entry.refresher !== undefined || catalogueRefresh === undefined || !this.isKept(entry)) return
    const due = Effect.map(this.host.borrows(entry.key), (borrowed) => {
      if (entry.open === 0 || borrowed === entry.borrowed) entry.overdue = true
      else this.reload(entry)
    })
    entry.refresher = this.host.fork(Effect.schedule(due, catalogueRefresh))
  }

  /** Whether it was not forgotten meanwhile, on account of its server. */
  private isKept(entry: Entry): boolean {
    return Option.contains(MutableHashMap.get(this.entries, entry.key), entry)
  }

  private tidy(entry: Entry): void {
    if (entry.open > 0 || entry.loading !== undefined || Equal.equals(entry.key, entry.server.key)) return
    if (this.isKept(entry)) MutableHashMap.remove(this.entries, entry.key)
    entry.refresher?.unsafeInterruptAsFork(FiberId.none)
  }
}
