/**
 * Which failures to open an item are the pool's, and not of what it opens. Values only.
 */
import type { ConnectTimeout, ItemEnded } from "../PoolError.js"

export const isOwnFailure = (error: unknown): error is ConnectTimeout | ItemEnded =>
  error instanceof Error && "_tag" in error && (error._tag === "ConnectTimeout" || error._tag === "ItemEnded")
