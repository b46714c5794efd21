/** SDK clients in Effect's own `Pool`, as one writes it with care: bounded, looked at when borrowed, closed when a call fails. */
import type { Client } from "@modelcontextprotocol/sdk/client/index.js"
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Pool from "effect/Pool"
import * as Scope from "effect/Scope"
import * as Loop from "../calls/Loop.js"
import type { Settings } from "../calls/Settings.js"
import type { About, Open, Target } from "../calls/Subject.js"
import type { OpenCaller } from "../scenes/Caller.js"
import * as PoolOfClients from "./poolOfClients.js"
import { connect } from "./sdkHeld.js"

export const about: About = {
  package: "effect",
  settings:
    "Effect.scoped(Pool.get) of a pool of SDK clients. stdio: 1 process, 64 calls at a time; HTTP: up to 2 connections, 32 " +
    "calls at a time each"
}

/** Nothing connects before it is called. */
const make = async (target: Target, settings: Settings = {}) => {
  const scope = Effect.runSync(Scope.make())
  const client = Effect.acquireRelease(
    Effect.tryPromise(() => connect(target)),
    (client) => Effect.promise(() => client.close())
  )
  const pool = await Effect.runPromise(
    Pool.makeWithTTL({
      acquire: client,
      min: 0,
      max: settings.max ?? PoolOfClients.max(target),
      concurrency: settings.concurrency ?? ("url" in target ? 32 : 64),
      timeToLive: PoolOfClients.idleMs(target)
    }).pipe(Scope.extend(scope))
  )
  const borrow: Effect.Effect<Client, Cause.UnknownException, Scope.Scope> = Effect.flatMap(Pool.get(pool), (client) =>
    PoolOfClients.isOpen(client) ? Effect.succeed(client) : Effect.zipRight(Pool.invalidate(pool, client), borrow)
  )
  const call = (text: string) =>
    Effect.scoped(
      Effect.flatMap(borrow, (client) =>
        Effect.tryPromise(() => client.callTool({ name: "echo", arguments: { text } })).pipe(
          Effect.tapError(() => Pool.invalidate(pool, client))
        )
      )
    )
  return { call, close: () => Effect.runPromise(Scope.close(scope, Exit.void)) }
}

export const open: Open = async (target, settings) => {
  const { call, close } = await make(target, settings)
  return { run: Loop.effects(call, Effect.runPromise), close }
}

export const caller: OpenCaller = async (target) => {
  const { call, close } = await make(target)
  return { call: (text) => Effect.runPromise(call(text)), close }
}
