/**
 * Mooring with up to eight connections, as `mooringEight`, to a server that can be given its next call while it works on
 * one: it does not wait for a trip to the client and back between two of them.
 */
import type { Open } from "../calls/Subject.js"
import { openWith } from "./mooring.js"

export const open: Open = (target) => openWith(target, { max: 8, concurrency: 2 })
