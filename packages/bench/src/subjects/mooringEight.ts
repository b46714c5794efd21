/**
 * Mooring with up to eight connections to a server that takes one call at a time, as a process does unless one says
 * otherwise.
 */
import type { Open } from "../calls/Subject.js"
import { openWith } from "./mooring.js"

export const open: Open = (target) => openWith(target, { max: 8 })
