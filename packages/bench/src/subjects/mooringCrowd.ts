/** `McpClient.callTool` for ten thousand callers: more may wait than by default, where the 257th that waits is refused. */
import { opens } from "./mooring.js"

export const open = opens({ concurrency: 64, maxWaiters: 10_000 })
