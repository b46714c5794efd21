/** `McpClient.callTool` for ten thousand callers: more may wait than by default, where the 257th that waits is refused. */
import type { Open } from "../calls/Subject.js"
import { openWith } from "./mooring.js"

export const open: Open = (target) => openWith(target, { concurrency: 64, maxWaiters: 10_000 })
