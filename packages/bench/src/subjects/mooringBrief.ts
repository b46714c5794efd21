/** Mooring with up to eight connections, as `mooringEight`, and an idle time that is short enough to be waited for. */
import type { Open } from "../calls/Subject.js"
import { openWith } from "./mooring.js"

export const open: Open = (target) => openWith(target, { max: 8, idleTimeToLive: "1 second" })
