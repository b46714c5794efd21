/**
 * What the server of one connection tells, for whoever has that connection alone: a session. It ends with that, and
 * wants nothing more of the server then.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { ConnectionNotices } from "./ConnectionNotices.js"
import { Mailbox } from "./Mailbox.js"
import { type RequestError, SessionLost, type UnsupportedCapability } from "./McpError.js"
import type * as ResourceUpdate from "./ResourceUpdate.js"
import * as ServerLog from "./ServerLog.js"
import { UpdateReader } from "./UpdateReader.js"

type OwnError = RequestError | UnsupportedCapability | SessionLost

/** What one stream reads, and how it is left. */
interface Reading<in out A> {
  readonly mailbox: Mailbox<A, OwnError>
  readonly leave: () => void
}

/**
 * @since 0.1.0
 * @category models
 */
export class OwnNotices {
  private readonly endings = new Set<(cause: Cause.Cause<SessionLost>) => void>()
  private over: string | undefined

  constructor(private readonly notices: ConnectionNotices) {}

  /** See `McpSession`. */
  readonly resourceUpdates = (uri: string): Stream.Stream<ResourceUpdate.ResourceUpdate, OwnError> =>
    this.reading(() => {
      const reader = new UpdateReader<OwnError>(uri)
      const { mailbox } = reader
      const leave = this.notices.hold(uri, {
        subscribed: () => reader.subscribed(),
        updated: (updated) => reader.updated(updated),
        missed: () => reader.missed(),
        refused: (error) => mailbox.fail(Cause.fail(error)),
        lost: (reason) => mailbox.fail(this.lost(reason))
      })
      return { mailbox, leave }
    })

  /** See `McpSession`. */
  get logs(): Stream.Stream<ServerLog.ServerLog, OwnError> {
    return this.reading(() => {
      const mailbox = new Mailbox<ServerLog.ServerLog, OwnError>({ capacity: ServerLog.waiting })
      const { withoutLog } = this.notices
      if (withoutLog !== undefined) mailbox.fail(Cause.fail(withoutLog))
      const leave = this.notices.follow({
        log: (message) => mailbox.offer(message),
        lost: (reason) => mailbox.fail(this.lost(reason))
      })
      return { mailbox, leave }
    })
  }

  /** See `McpSession`. */
  readonly setLevel = (level: ServerLog.Level): Effect.Effect<void, OwnError> =>
    Effect.suspend((): Effect.Effect<void, OwnError> => {
      const over = this.over ?? this.notices.over
      return over === undefined ? this.notices.own(level) : Effect.failCause(this.lost(over))
    })

  /** The connection is given back: whoever still reads is told so. */
  end(reason: string): void {
    if (this.over !== undefined) return
    this.over = reason
    for (const end of this.endings) end(this.lost(reason))
    this.endings.clear()
    this.notices.disown()
  }

  private reading<A>(begin: () => Reading<A>): Stream.Stream<A, OwnError> {
    const begun = Effect.acquireRelease(
      Effect.suspend(
        (): Effect.Effect<Reading<A> & { readonly end: (cause: Cause.Cause<SessionLost>) => void }, OwnError> => {
          if (this.over !== undefined) return Effect.failCause(this.lost(this.over))
          const { leave, mailbox } = begin()
          const end = (cause: Cause.Cause<SessionLost>) => {
            leave()
            mailbox.fail(cause)
          }
          this.endings.add(end)
          return Effect.succeed({ mailbox, leave, end })
        }
      ),
      ({ end, leave }) =>
        Effect.sync(() => {
          leave()
          this.endings.delete(end)
        })
    )
    return Stream.unwrapScoped(Effect.map(begun, ({ mailbox }) => mailbox.stream))
  }

  private lost(reason: string): Cause.Cause<SessionLost> {
    return Cause.fail(new SessionLost({ server: this.notices.connection.key.toString(), reason }))
  }
}
