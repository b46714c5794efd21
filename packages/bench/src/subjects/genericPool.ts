/** SDK clients in a `generic-pool`, as one writes it with care: bounded, looked at when borrowed, destroyed when a call fails. */
import type { Client } from "@modelcontextprotocol/sdk/client/index.js"
import { createRequire } from "node:module"
import { join } from "node:path"
import * as Loop from "../calls/Loop.js"
import * as Peers from "../calls/Peers.js"
import type { About, Open } from "../calls/Subject.js"
import * as PoolOfClients from "./poolOfClients.js"
import { connect } from "./sdkHeld.js"

/** What is used of it here; it is not installed where types are checked. */
interface GenericPool {
  readonly createPool: <A>(
    factory: {
      readonly create: () => Promise<A>
      readonly destroy: (item: A) => Promise<void>
      readonly validate: (item: A) => Promise<boolean>
    },
    options: {
      readonly min: number
      readonly max: number
      readonly testOnBorrow: boolean
      readonly idleTimeoutMillis: number
      readonly evictionRunIntervalMillis: number
    }
  ) => {
    readonly use: <B>(work: (item: A) => Promise<B>) => Promise<B>
    readonly drain: () => Promise<void>
    readonly clear: () => Promise<void>
  }
}

export const about: About = {
  package: "generic-pool",
  from: Peers.folder,
  settings:
    "use of a pool of SDK clients, testOnBorrow; stdio: 1 process, HTTP: up to 2 connections, 1 call at a time each"
}

export const open: Open = (target, settings) => {
  // Its own types say so.
  const { createPool } = createRequire(join(Peers.folder, "package.json"))("generic-pool") as GenericPool
  const pool = createPool<Client>(
    {
      create: () => connect(target),
      destroy: (client) => client.close(),
      validate: (client) => Promise.resolve(PoolOfClients.isOpen(client))
    },
    {
      min: 0,
      max: settings?.max ?? PoolOfClients.max(target),
      testOnBorrow: true,
      idleTimeoutMillis: PoolOfClients.idleMs(target),
      evictionRunIntervalMillis: 30_000
    }
  )
  return Promise.resolve({
    run: Loop.promises((text) => pool.use((client) => client.callTool({ name: "echo", arguments: { text } }))),
    close: async () => {
      await pool.drain()
      await pool.clear()
    }
  })
}
