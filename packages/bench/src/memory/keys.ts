/**
 * The process that measures how calls cost with the number of partitions, and what borrowing and giving back costs with
 * the number of keys: in one of its own, since ten thousand connections are hundreds of megabytes. It is sent a number of
 * keys and how to measure, and answers with the medians.
 */
import * as Effect from "effect/Effect"
import * as EffectKeyedPool from "effect/KeyedPool"
import { inTurn } from "../goals/B2.js"
import { measure, repeat, type RoundsOptions, type Subject } from "../Rounds.js"
import * as Servers from "./Servers.js"

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => {})
process.once("disconnect", () => process.exit(0))
const tell = (message: object): void => {
  if (process.connected) process.send?.(message)
}

/** Takes them one after the other, again and again. */
const turning = <A>(items: ReadonlyArray<A>, run: (item: A) => Effect.Effect<unknown, unknown>) => {
  let at = 0
  return repeat(
    Effect.suspend(() => {
      at = at + 1 === items.length ? 0 : at + 1
      // `at` is within the array.
      return run(items[at] as A)
    })
  )
}

const calls = (client: Servers.Client, count: number): Effect.Effect<Subject> =>
  Effect.gen(function* () {
    const views = Array.from({ length: count }, (_, n) => client.mcp.forPartition(`tenant ${n}`))
    const call = (view: (typeof views)[number]) => view.callTool("server", Servers.echo, { text: "" })
    const run = turning(views, call)
    // What opening them left behind is collected meanwhile, which would count: 27 µs a call, not 9, of 10,000 partitions.
    yield* run(5 * count)
    return { name: "calls", run }
  }).pipe(Effect.orDie)

const theirs = (count: number) =>
  Effect.gen(function* () {
    const pool = yield* EffectKeyedPool.make({ acquire: (key: number) => Effect.succeed({ key }), size: 1 })
    const keys = Array.from({ length: count }, (_, n) => n)
    const borrow = (key: number) => Effect.scoped(EffectKeyedPool.get(pool, key))
    yield* Effect.forEach(keys, borrow, { discard: true })
    return { name: "theirs", run: turning(keys, borrow) }
  })

const medians = (count: number, options: RoundsOptions) =>
  Effect.scoped(
    Effect.gen(function* () {
      const client = yield* Effect.acquireRelease(
        Effect.promise(() => Servers.open({ server: { command: Servers.command, isolation: "perPartition" } })),
        (client) => Effect.promise(client.close)
      )
      const keys = Array.from({ length: count }, (_, n) => n)
      const ours = { ...(yield* inTurn("", keys)), name: "ours" }
      const figures = yield* measure([ours, yield* theirs(count), yield* calls(client, count)], options)
      return Object.fromEntries(figures.map(({ median, name }) => [name, median]))
    })
  )

process.on("message", ({ count, rounds, roundMs }: RoundsOptions & { readonly count: number }) => {
  Effect.runPromise(medians(count, { rounds, roundMs })).then(tell, (error: unknown) =>
    tell({ error: error instanceof Error ? error.stack : String(error) })
  )
})
tell({ ready: true })
