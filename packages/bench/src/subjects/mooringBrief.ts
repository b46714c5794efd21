/**
 * Mooring with up to eight connections to a server that takes one call at a time, as a process does unless one says
 * otherwise, and an idle time that is short enough to be waited for.
 */
import type { Open } from "../calls/Subject.js"
import { openWith } from "./mooring.js"

export const open: Open = (target) => openWith(target, { max: 8, idleTimeToLive: "1 second" })
