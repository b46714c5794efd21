/**
 * What servers tell by themselves (updates of resources, changes of lists, log messages), heard on the connections of a
 * pool and told to whoever reads it. One place listens for all readers: it follows each connection from when it opens,
 * and counts who wants what, so that a server is told once. Each server key has its own; nothing of one partition is told
 * to another. Readers have bounded mailboxes and slow nothing. It belongs to the pool, and all its streams end with that.
 *
 * @since 0.1.0
 */
import { type Pool, PoolError } from "@mooring/pool"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as FiberSet from "effect/FiberSet"
import * as MutableHashMap from "effect/MutableHashMap"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { ConnectionNotices } from "./ConnectionNotices.js"
import { Mailbox } from "./Mailbox.js"
import type { McpConnection } from "./McpConnection.js"
import type { McpConnectError, RequestError, UnsupportedCapability } from "./McpError.js"
import { OwnNotices } from "./OwnNotices.js"
import type { ServerChange } from "./Registry.js"
import type * as ResourceUpdate from "./ResourceUpdate.js"
import { Subscription } from "./Subscription.js"
import type { ServerKey } from "./ServerKey.js"
import * as ServerLog from "./ServerLog.js"

/**
 * How a stream of notices can fail: no connection could be borrowed, or the server refused what was asked of it.
 *
 * @since 0.1.0
 * @category errors
 */
export type NoticeError = PoolError.PoolError | McpConnectError | RequestError | UnsupportedCapability

/**
 * A list of a server that has changed, or may have.
 *
 * @since 0.1.0
 * @category models
 */
export type ListChange = "tools" | "prompts" | "resources"

/**
 * The streams fail with `UnknownKey` as soon as there is no server any more that has this key: it was removed, or is
 * isolated otherwise.
 *
 * @since 0.1.0
 * @category models
 */
export interface Notices {
  /** See `McpClient.Service`. */
  readonly resourceUpdates: (key: ServerKey, uri: string) => Stream.Stream<ResourceUpdate.ResourceUpdate, NoticeError>
  /** See `McpClient.Service`. */
  readonly listChanges: (key: ServerKey) => Stream.Stream<ListChange, PoolError.UnknownKey>
  /** See `McpClient.Service`. */
  readonly logs: (key: ServerKey, options?: ServerLog.Options) => Stream.Stream<ServerLog.ServerLog, NoticeError>
  /** Those of one connection, for whoever has it alone. */
  readonly own: (connection: McpConnection) => OwnNotices
}

/**
 * What it needs of the pool.
 *
 * @since 0.1.0
 * @category models
 */
export interface Host {
  readonly use: Pool.Pool<ServerKey, McpConnection, McpConnectError>["use"]
  /** Milliseconds on a monotonic clock. */
  readonly now: () => number
}

/**
 * Follows every connection that `opened` is told of. What it asks of servers runs on fibers of the scope.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (host: Host): Effect.Effect<Hub, never, Scope.Scope> =>
  Effect.gen(function* () {
    const fork = yield* FiberSet.makeRuntime<never, void, never>()
    const hub = new Hub(host, fork)
    yield* Effect.addFinalizer(() => Effect.sync(() => hub.close()))
    return hub
  })

interface LogReader {
  readonly level: ServerLog.Level | undefined
  readonly mailbox: Mailbox<ServerLog.ServerLog, NoticeError>
}

/** All that concerns one key. */
class Desk {
  readonly connections = new Set<ConnectionNotices>()
  readonly lists = new Set<Mailbox<ListChange, PoolError.UnknownKey>>()
  readonly logs = new Set<LogReader>()
  readonly subscriptions = new Map<string, Subscription>()

  constructor(readonly key: ServerKey) {}

  get isRead(): boolean {
    return this.lists.size > 0 || this.logs.size > 0
  }

  get isBare(): boolean {
    return !this.isRead && this.connections.size === 0 && this.subscriptions.size === 0
  }

  adjust(): void {
    for (const connection of this.connections) connection.adjust()
  }

  /** Any of the lists that these connections' servers tell the changes of may be another now. */
  listsMayHaveChanged({ prompts, resources, tools }: McpConnection["capabilities"]): void {
    for (const mailbox of this.lists) {
      if (tools?.listChanged === true) mailbox.offer("tools", "tools")
      if (prompts?.listChanged === true) mailbox.offer("prompts", "prompts")
      if (resources?.listChanged === true) mailbox.offer("resources", "resources")
    }
  }

  /** Nothing is told to its readers any more. */
  fail(error: PoolError.UnknownKey): void {
    const cause = Cause.fail(error)
    for (const mailbox of this.lists) mailbox.fail(cause)
    for (const subscription of [...this.subscriptions.values()]) subscription.fail(cause)
    this.failLogs(error, () => true)
  }

  failLogs(error: NoticeError, which: (reader: LogReader) => boolean): void {
    for (const reader of this.logs) if (which(reader)) reader.mailbox.fail(Cause.fail(error))
  }
}

/**
 * The notices of a pool, and where that tells of its connections.
 *
 * @since 0.1.0
 * @category models
 */
export class Hub implements Notices {
  private readonly desks = MutableHashMap.empty<ServerKey, Desk>()
  private readonly connections = new Map<McpConnection, ConnectionNotices>()
  private closed = false

  constructor(
    private readonly host: Host,
    private readonly fork: (effect: Effect.Effect<void>) => Fiber.RuntimeFiber<void>
  ) {}

  /** A connection has opened. To be told before anybody can borrow it. */
  opened(connection: McpConnection): void {
    const desk = this.desk(connection.key)
    const notices = this.notices(connection, desk)
    // Nothing was heard of changes while none was open.
    if (desk.connections.size === 0) desk.listsMayHaveChanged(connection.capabilities)
    desk.connections.add(notices)
    this.connections.set(connection, notices)
    connection.onClosed(() => {
      this.connections.delete(connection)
      desk.connections.delete(notices)
      this.tidy(desk)
    })
    const { withoutLog } = notices
    if (withoutLog !== undefined) desk.failLogs(withoutLog, () => true)
    notices.start()
  }

  /** A server has changed: of keys that are gone nothing is told, and what was replaced is asked for nothing. */
  readonly changed = ({ kind, name, rekeyed }: ServerChange): void => {
    for (const [key, desk] of [...this.desks]) {
      if (key.server !== name) continue
      if (rekeyed) desk.fail(new PoolError.UnknownKey({ key: key.toString() }))
      else if (kind === "Replaced") for (const subscription of desk.subscriptions.values()) subscription.move()
    }
  }

  private notices(connection: McpConnection, desk: Desk): ConnectionNotices {
    return new ConnectionNotices(connection, {
      run: this.run,
      isRead: () => desk.isRead,
      level: () => ({ asked: ServerLog.leastOf([...desk.logs].map(({ level }) => level)), isRead: desk.logs.size > 0 }),
      levelRefused: (error) => desk.failLogs(error, ({ level }) => level !== undefined),
      log: (message) => {
        for (const { level, mailbox } of desk.logs) {
          if (level === undefined || ServerLog.reaches(message.level, level)) mailbox.offer(message)
        }
      },
      listsChanged: (kind) => {
        for (const mailbox of desk.lists) mailbox.offer(kind, kind)
      },
      missed: () => desk.listsMayHaveChanged(connection.capabilities)
    })
  }

  readonly resourceUpdates = (key: ServerKey, uri: string): Stream.Stream<ResourceUpdate.ResourceUpdate, NoticeError> =>
    this.reading(key, (desk) => {
      let subscription = desk.subscriptions.get(uri)
      if (subscription === undefined) {
        subscription = new Subscription(uri, {
          borrow: (use) => this.host.use(key, (connection) => use(this.of(connection))),
          run: this.run,
          now: this.host.now,
          over: (over) => {
            if (desk.subscriptions.get(uri) === over) desk.subscriptions.delete(uri)
            this.tidy(desk)
          }
        })
        desk.subscriptions.set(uri, subscription)
      }
      return subscription.read()
    })

  readonly listChanges = (key: ServerKey): Stream.Stream<ListChange, PoolError.UnknownKey> =>
    this.reading(key, (desk) => {
      const mailbox = new Mailbox<ListChange, PoolError.UnknownKey>({ capacity: 3 })
      return this.enter(desk, desk.lists, mailbox, mailbox)
    })

  readonly logs = (
    key: ServerKey,
    { level }: ServerLog.Options = {}
  ): Stream.Stream<ServerLog.ServerLog, NoticeError> => {
    const told = this.reading<ServerLog.ServerLog, NoticeError>(key, (desk) => {
      const mailbox = new Mailbox<ServerLog.ServerLog, NoticeError>({ capacity: ServerLog.waiting })
      const entered = this.enter(desk, desk.logs, { level, mailbox }, mailbox)
      for (const { withoutLog } of desk.connections) {
        if (withoutLog !== undefined) mailbox.fail(Cause.fail(withoutLog))
      }
      return entered
    })
    // Whether the server has a log is known only once a connection is there: that tells the mailbox.
    const connected = Effect.suspend(() =>
      (this.find(key)?.connections.size ?? 0) > 0 ? Effect.void : this.host.use(key, () => Effect.void)
    )
    return Stream.merge(told, Stream.drain(Stream.fromEffect(connected)))
  }

  readonly own = (connection: McpConnection): OwnNotices => new OwnNotices(this.of(connection))

  /** Ends every stream. */
  close(): void {
    this.closed = true
    for (const [, desk] of [...this.desks]) {
      for (const mailbox of desk.lists) mailbox.complete()
      for (const { mailbox } of desk.logs) mailbox.complete()
      for (const subscription of [...desk.subscriptions.values()]) subscription.close()
    }
  }

  /** How many keys something is known of. */
  get size(): number {
    return MutableHashMap.size(this.desks)
  }

  private readonly run = (effect: Effect.Effect<void>): (() => void) => {
    if (this.closed) return () => {}
    const fiber = this.fork(effect)
    return () => fiber.unsafeInterruptAsFork(fiber.id())
  }

  private of(connection: McpConnection): ConnectionNotices {
    const found = this.connections.get(connection)
    if (found !== undefined) return found
    // It has ended already, and says so to whoever wants something of it.
    const ended = this.notices(connection, new Desk(connection.key))
    ended.start()
    return ended
  }

  /** A stream over what `enter` gives, which is left when the stream ends. */
  private reading<A, E>(
    key: ServerKey,
    enter: (desk: Desk) => { readonly mailbox: Mailbox<A, E>; readonly leave: () => void }
  ): Stream.Stream<A, E> {
    const entered = Effect.acquireRelease(
      Effect.sync(() => {
        const reader = enter(this.desk(key))
        if (this.closed) reader.mailbox.complete()
        return reader
      }),
      ({ leave }) => Effect.sync(leave)
    )
    return Stream.unwrapScoped(Effect.map(entered, ({ mailbox }) => mailbox.stream))
  }

  private enter<R, A, E>(desk: Desk, readers: Set<R>, reader: R, mailbox: Mailbox<A, E>) {
    readers.add(reader)
    desk.adjust()
    return {
      mailbox,
      leave: () => {
        readers.delete(reader)
        desk.adjust()
        this.tidy(desk)
      }
    }
  }

  private desk(key: ServerKey): Desk {
    const found = this.find(key)
    if (found !== undefined) return found
    const desk = new Desk(key)
    MutableHashMap.set(this.desks, key, desk)
    return desk
  }

  private find(key: ServerKey): Desk | undefined {
    return Option.getOrUndefined(MutableHashMap.get(this.desks, key))
  }

  private tidy(desk: Desk): void {
    if (desk.isBare && this.find(desk.key) === desk) MutableHashMap.remove(this.desks, desk.key)
  }
}
