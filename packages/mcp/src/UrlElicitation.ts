/**
 * Addresses that a server wants a person to visit: which of them may be shown at all, and the error of a call that needs
 * some to be visited first. Pure.
 *
 * @since 0.1.0
 */
import * as Predicate from "effect/Predicate"

/**
 * An address to be visited.
 *
 * @since 0.1.0
 * @category models
 */
export interface UrlElicitation {
  readonly elicitationId: string
  /** Begins with `http://` or `https://`. Whoever shows it shows all of it. */
  readonly url: string
  /** Why, in the server's words, fit to be shown. */
  readonly message: string
}

/**
 * The code of the error of a call that needs addresses to be visited first.
 *
 * @since 0.1.0
 * @category constants
 */
export const requiredCode = -32042

/**
 * The address as it is to be shown and opened, without characters that could hide a part of it; `undefined` for one that
 * is neither `http` nor `https`.
 *
 * @since 0.1.0
 * @category combinators
 */
export const address = (text: string): string | undefined => {
  if (!URL.canParse(text)) return undefined
  const { href, protocol } = new URL(text)
  return protocol === "http:" || protocol === "https:" ? href : undefined
}

/**
 * What the `data` of such an error names; `undefined` where it is not as MCP has it, or one of them cannot be shown as it
 * is: no address may hold a secret of ours, or be none.
 *
 * @since 0.1.0
 * @category combinators
 */
export const required = (data: unknown, clean: (text: string) => string): ReadonlyArray<UrlElicitation> | undefined => {
  const given = Predicate.isRecord(data) ? data["elicitations"] : undefined
  if (!Array.isArray(given) || given.length === 0 || given.length > most) return undefined
  const found: Array<UrlElicitation> = []
  for (const each of given as ReadonlyArray<unknown>) {
    if (!Predicate.isRecord(each)) return undefined
    const { elicitationId, message, mode, url } = each
    if (mode !== undefined && mode !== "url") return undefined
    if (typeof elicitationId !== "string" || typeof message !== "string" || typeof url !== "string") return undefined
    const shown = address(url)
    if (shown === undefined || clean(shown) !== shown || clean(elicitationId) !== elicitationId) return undefined
    found.push({ elicitationId, url: shown, message: clean(message) })
  }
  return found
}

/** No person visits more. */
const most = 100
