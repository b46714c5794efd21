/**
 * What one connection's server tells by itself, and who hears of it: the resources that are subscribed to on it, counted
 * by who wants them, and the level of its log. It has at most one request for a resource on its way, so that what was
 * wanted last is what the server did last. It belongs to its connection; `Notices`, which makes it, is told the rest.
 *
 * @since 0.1.0
 */
import type { JSONRPCNotification } from "@modelcontextprotocol/sdk/types.js"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Predicate from "effect/Predicate"
import * as Answer from "./Answer.js"
import type { McpConnection } from "./McpConnection.js"
import { type RequestError, UnsupportedCapability } from "./McpError.js"
import type { Listening } from "./McpTransport.js"
import * as ResourceUpdate from "./ResourceUpdate.js"
import * as ServerLog from "./ServerLog.js"

/**
 * Somebody who wants to hear of a resource on this connection. All are called synchronously, and must not throw. After
 * `refused` or `lost` nothing else is told.
 *
 * @since 0.1.0
 * @category models
 */
export interface Holder {
  /** The server has taken the subscription: updates are told from now on. At once if it had. */
  readonly subscribed: () => void
  readonly updated: (uri: string) => void
  readonly missed: () => void
  readonly refused: (error: RequestError | UnsupportedCapability) => void
  readonly lost: (reason: string) => void
}

/**
 * What it needs of `Notices`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Host {
  /** Runs what has to do with the connection, on a fiber that no reader can end. */
  readonly run: (effect: Effect.Effect<void>) => void
  /** Whether somebody reads what any connection of its key tells. */
  readonly isRead: () => boolean
  /** The level that the logs of its key are wanted at, and whether anybody reads them at all. */
  readonly level: () => { readonly asked: ServerLog.Level | undefined; readonly isRead: boolean }
  readonly levelRefused: (error: RequestError) => void
  readonly log: (message: ServerLog.ServerLog) => void
  readonly listsChanged: (kind: "tools" | "prompts" | "resources") => void
  readonly missed: () => void
}

/**
 * Who reads the log of this connection alone.
 *
 * @since 0.1.0
 * @category models
 */
export interface OwnLogReader {
  readonly log: (message: ServerLog.ServerLog) => void
  readonly lost: (reason: string) => void
}

/**
 * How long a subscription waits for the stream that updates come on, where a server has one apart (HTTP). Without it, what
 * changes before that is open is told as missed when it opens.
 *
 * @since 0.1.0
 * @category constants
 */
export const patience = Duration.seconds(5)

/** The subscription to one resource, on one connection. */
class Held {
  readonly holders = new Set<Holder>()
  /** Whether the server may have it. */
  isThere = false
  /** A request for it is on its way. */
  busy = false

  constructor(readonly uri: string) {}
}

/**
 * @since 0.1.0
 * @category models
 */
export class ConnectionNotices {
  private readonly resources = new Map<string, Held>()
  private readonly ownLogs = new Set<OwnLogReader>()
  /** The level that the server was told last. `unknown`: it may have been told another. */
  private told: ServerLog.Level | "unknown" | undefined
  /** Made when there is a level to set. */
  private levels: Effect.Semaphore | undefined
  /** The level is somebody's own. */
  private owned = false
  private ended: string | undefined
  private letGo: (() => void) | undefined
  private listening: Listening | undefined
  private isHeard = false

  constructor(
    readonly connection: McpConnection,
    private readonly host: Host
  ) {}

  /** Why the connection has ended, if it has. */
  get over(): string | undefined {
    return this.ended
  }

  /** Begins to follow the connection, once. */
  start(): void {
    this.connection.onNotification((notification) => this.heard(notification))
    this.connection.onMissed(() => this.missed())
    this.connection.onClosed((reason) => this.close(reason))
    this.attend()
    this.adjust()
  }

  /** Wants a resource until what this gives is called. */
  hold(uri: string, holder: Holder): () => void {
    if (this.ended !== undefined) {
      holder.lost(this.ended)
      return nothing
    }
    if (this.connection.capabilities.resources?.subscribe !== true) {
      holder.refused(this.lacks("resources.subscribe"))
      return nothing
    }
    const known = this.resources.get(uri)
    const held = known ?? new Held(uri)
    if (known === undefined) this.resources.set(uri, held)
    held.holders.add(holder)
    this.attend()
    if (held.isThere && !held.busy) holder.subscribed()
    else this.settle(held)
    return () => {
      if (held.holders.delete(holder)) this.settle(held)
    }
  }

  /** Reads the log until what this gives is called. */
  follow(reader: OwnLogReader): () => void {
    if (this.ended !== undefined) {
      reader.lost(this.ended)
      return nothing
    }
    this.ownLogs.add(reader)
    this.adjust()
    return () => {
      if (this.ownLogs.delete(reader)) this.adjust()
    }
  }

  /** Why nothing is logged here over MCP, if so. */
  get withoutLog(): UnsupportedCapability | undefined {
    return this.connection.capabilities.logging === undefined ? this.lacks("logging") : undefined
  }

  /** Sets the level of the log for whoever has the connection alone, until `disown`. */
  own(level: ServerLog.Level): Effect.Effect<void, RequestError | UnsupportedCapability> {
    return Effect.suspend((): Effect.Effect<void, RequestError | UnsupportedCapability> => {
      const { withoutLog } = this
      if (withoutLog !== undefined) return Effect.fail(withoutLog)
      this.owned = true
      return this.inTurn(this.setLevel(level))
    })
  }

  disown(): void {
    this.owned = false
    this.adjust()
  }

  /** Who reads what the server tells, or at which level, may be others now. */
  adjust(): void {
    if (this.ended !== undefined) return
    this.attend()
    if (this.withoutLog !== undefined || this.wantedLevel() === undefined) return
    const set = Effect.suspend(() => {
      const level = this.wantedLevel()
      return level === undefined ? Effect.void : this.setLevel(level)
    })
    this.host.run(
      Effect.catchAllCause(this.inTurn(set), (cause) => {
        const failure = Cause.failureOption(cause)
        if (failure._tag === "None") return Effect.failCause(Cause.die(Cause.squash(cause)))
        const error = failure.value
        if (error._tag === "ProtocolError") this.host.levelRefused(error)
        return Effect.logDebug(`MCP server "${this.connection.key}": its log level could not be set`, error)
      })
    )
  }

  /** One level at a time. */
  private inTurn<A, E>(set: Effect.Effect<A, E>): Effect.Effect<A, E> {
    this.levels ??= Effect.unsafeMakeSemaphore(1)
    return this.levels.withPermits(1)(set)
  }

  private wantedLevel(): ServerLog.Level | undefined {
    if (this.owned || this.ended !== undefined) return undefined
    const { asked, isRead } = this.host.level()
    // A server that was never told a level is left as it is. There is no word for that once it was: then it sends all
    // that it has where somebody reads it, and nothing where nobody does.
    const unasked = this.told === undefined ? undefined : isRead || this.ownLogs.size > 0 ? "debug" : "emergency"
    const level = asked ?? unasked
    return level === this.told ? undefined : level
  }

  private get isRead(): boolean {
    return this.ownLogs.size > 0 || this.host.isRead()
  }

  private setLevel(level: ServerLog.Level): Effect.Effect<void, RequestError> {
    return Effect.suspend(() => {
      const before = this.told
      // Until it is answered, and for ever if it is not.
      this.told = "unknown"
      return Effect.matchEffect(this.connection.request("logging/setLevel", { level }, Answer.anything), {
        onFailure: (error) => {
          if (error._tag === "ProtocolError") this.told = before
          return Effect.fail(error)
        },
        onSuccess: () => {
          this.told = level
          return Effect.void
        }
      })
    })
  }

  /** Brings the server to what is wanted, if nothing is on its way already. */
  private settle(held: Held): void {
    if (held.busy || this.ended !== undefined) return
    const wanted = held.holders.size > 0
    if (wanted === held.isThere) {
      if (wanted) return
      this.resources.delete(held.uri)
      return this.attend()
    }
    held.busy = true
    const { uri } = held
    if (wanted) {
      const request = this.connection.request("resources/subscribe", { uri }, Answer.anything)
      // It may be there from the moment at which it is asked for.
      held.isThere = true
      this.answered(held, Effect.zipRight(this.whenHeard, request), (exit) => this.subscribed(held, exit))
    } else {
      this.answered(held, this.connection.request("resources/unsubscribe", { uri }, Answer.anything), () => {
        held.isThere = false
      })
    }
  }

  private answered<A>(
    held: Held,
    request: Effect.Effect<A, RequestError>,
    then: (exit: Exit.Exit<A, RequestError>) => void
  ): void {
    this.host.run(
      Effect.flatMap(Effect.exit(request), (exit) => {
        held.busy = false
        if (this.ended === undefined) {
          then(exit)
          this.settle(held)
        }
        return Exit.isSuccess(exit)
          ? Effect.void
          : Effect.logDebug(`MCP server "${this.connection.key}": a subscription could not be changed`, exit.cause)
      })
    )
  }

  private subscribed(held: Held, exit: Exit.Exit<unknown, RequestError>): void {
    const holders = [...held.holders]
    if (Exit.isSuccess(exit)) {
      // What it told while it was asked comes before this, and need not be told.
      for (const holder of holders) holder.subscribed()
      return
    }
    const failure = Cause.failureOption(exit.cause)
    // Only the end of the pool interrupts it.
    if (failure._tag === "None") return
    const error = failure.value
    // What may have come to the server all the same is called off when nobody wants it any more, which is now.
    if (error._tag === "ProtocolError" || !("delivery" in error) || error.delivery === "NotSent") held.isThere = false
    held.holders.clear()
    for (const holder of holders) holder.refused(error)
  }

  /** Ends when what the server says by itself is heard, or when that has taken too long. */
  private readonly whenHeard = Effect.suspend(() => {
    const { listening } = this
    if (this.isHeard || listening === undefined) return Effect.void
    let isLate = false
    return Effect.async<void>((resume) => {
      listening.onReady(() => {
        this.isHeard = true
        if (isLate) this.missed()
        resume(Effect.void)
      })
    }).pipe(
      Effect.timeoutTo({
        duration: patience,
        onSuccess: () => {},
        onTimeout: () => {
          isLate = true
        }
      })
    )
  })

  private heard({ method, params }: JSONRPCNotification): void {
    switch (method) {
      case "notifications/resources/updated":
        return this.updated(params?.["uri"])
      case "notifications/message": {
        const { clean, number } = this.connection
        const message = this.isRead ? ServerLog.read(params, number, clean) : undefined
        if (message === undefined) return
        for (const reader of this.ownLogs) reader.log(message)
        return this.host.log(message)
      }
      case "notifications/tools/list_changed":
        return this.host.listsChanged("tools")
      case "notifications/prompts/list_changed":
        return this.host.listsChanged("prompts")
      case "notifications/resources/list_changed":
        return this.host.listsChanged("resources")
    }
  }

  private updated(uri: unknown): void {
    if (!Predicate.isString(uri)) return
    const isShort = uri.length <= ResourceUpdate.longestUri
    for (const held of this.subscribedTo()) {
      if (!ResourceUpdate.concerns(uri, held.uri)) continue
      for (const holder of [...held.holders]) {
        if (isShort) holder.updated(uri)
        else holder.missed()
      }
    }
  }

  private missed(): void {
    for (const held of this.subscribedTo()) for (const holder of [...held.holders]) holder.missed()
    this.host.missed()
  }

  private subscribedTo(): ReadonlyArray<Held> {
    return [...this.resources.values()].filter(({ busy }) => !busy)
  }

  /** Keeps the connection, and listens, as long as there is a reason to. */
  private attend(): void {
    const isHeld = this.resources.size > 0
    if (isHeld) this.letGo ??= this.connection.keep()
    else {
      this.letGo?.()
      this.letGo = undefined
    }
    if (isHeld || this.isRead) this.listening ??= this.connection.listen()
    else this.deafen()
  }

  private deafen(): void {
    this.listening?.stop()
    this.listening = undefined
    this.isHeard = false
  }

  private close(reason: string): void {
    this.ended = reason
    const held = [...this.resources.values()]
    const logs = [...this.ownLogs]
    this.resources.clear()
    this.ownLogs.clear()
    this.attend()
    this.deafen()
    for (const reader of logs) reader.lost(reason)
    for (const each of held) {
      const holders = [...each.holders]
      each.holders.clear()
      for (const holder of holders) holder.lost(reason)
    }
  }

  private lacks(capability: string): UnsupportedCapability {
    return new UnsupportedCapability({ server: this.connection.key.toString(), capability })
  }
}

const nothing = () => {}
