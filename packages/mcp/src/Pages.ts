/**
 * Reads all pages of a server's list, one after the other, as long as `Limits` allow: a list that never ends, or never
 * stops growing, ends here. Holds nothing.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type { Page } from "./Answer.js"
import { malformedCode, ProtocolError, type RequestError } from "./McpError.js"
import type { McpList } from "./McpRequest.js"
import type { RequestOptions } from "./PendingRequest.js"
import type { Session } from "./Session.js"

/**
 * How pages are asked for, and how many of them.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options<A, E> {
  /** Asks for one page; for the first, without a cursor. */
  readonly ask: (cursor: string | undefined) => Effect.Effect<Page<A>, E>
  /** The error for a list that goes beyond what it may, and why. */
  readonly refuse: (reason: string) => E
  /** What the entries are called: `tools`. */
  readonly what: string
  /** How many entries there may be. */
  readonly most: number
  /** How many pages there may be. */
  readonly pages: number
}

/**
 * Every entry of the list, in the order of the pages. Fails with what `ask` fails with, and as `refuse` says: for more
 * entries or pages than there may be, and for a cursor that comes a second time.
 *
 * @since 0.1.0
 * @category constructors
 */
export const all = <A, E>({ ask, most, pages, refuse, what }: Options<A, E>): Effect.Effect<ReadonlyArray<A>, E> =>
  Effect.gen(function* () {
    const entries: Array<A> = []
    const cursors = new Set<string>()
    let cursor: string | undefined
    for (let page = 1; page <= pages; page++) {
      const read = yield* ask(cursor)
      if (entries.length + read.entries.length > most) {
        return yield* Effect.fail(refuse(`it has more than ${most} ${what}`))
      }
      // One by one: as arguments of one call, a hundred thousand are too many for the stack.
      for (const entry of read.entries) entries.push(entry)
      cursor = read.nextCursor
      // Servers that cannot leave a field out say the end with an empty one, and the SDK's users read it so.
      if (cursor === undefined || cursor === "") return entries
      if (cursors.has(cursor)) {
        return yield* Effect.fail(refuse("it gave the same cursor twice, so its list has no end"))
      }
      cursors.add(cursor)
    }
    return yield* Effect.fail(refuse(`its ${what} fill more than ${pages} pages`))
  })

/**
 * Every entry of a list of the server's, within the session's `Limits`. `timeoutMs` counts for each page, `totalTimeoutMs`
 * for all of them. A list that goes beyond what it may is a `ProtocolError` with `malformedCode`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const read = <A>(
  session: Session,
  server: string,
  { method, most, page, what }: McpList<A>,
  { onProgress, owner, timeoutMs, totalTimeoutMs, trace }: RequestOptions
): Effect.Effect<ReadonlyArray<A>, RequestError> =>
  Effect.suspend(() => {
    const startedAt = session.now()
    return all<A, RequestError>({
      ask: (cursor) =>
        Effect.suspend(() => {
          const left = totalTimeoutMs - (session.now() - startedAt) / 1e6
          const params = cursor === undefined ? undefined : { cursor }
          const options = { timeoutMs, totalTimeoutMs: left, onProgress, owner, trace }
          return session.request(method, params, page, options)
        }),
      refuse: (reason) => new ProtocolError({ server, method, code: malformedCode, reason }),
      what,
      most: most(session.limits),
      pages: session.limits.pages
    })
  })
