/** What the pools of SDK clients written by hand have in common: as many connections as Mooring has by itself. */
import type { Client } from "@modelcontextprotocol/sdk/client/index.js"
import type { Target } from "../calls/Subject.js"

/** How long a connection stays open that nobody needs, as Mooring's. */
export const idleMs = (target: Target): number => ("url" in target ? 10 : 5) * 60_000

export const max = (target: Target): number => ("url" in target ? 2 : 1)

/** Whether a client that was idle can be used: it lets go of its transport when that closes. */
export const isOpen = (client: Client): boolean => client.transport !== undefined
