/**
 * The process whose memory B9 looks at. Argument: how many rounds. It measures what it is sent the name of, and ends
 * with its parent.
 */
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import type { ServerConfig } from "@mooring/mcp"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FiberId from "effect/FiberId"
import * as Fiber from "effect/Fiber"
import * as Servers from "./Servers.js"

/** Bytes, of each round. */
type Samples = ReadonlyArray<number>

interface Held {
  readonly held: Samples
}

const rounds = Number(process.argv[2])
const connections = 1_000
const calls = 10_000

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => {})
const disconnected = new Promise<void>((resolve) => {
  if (process.connected) process.once("disconnect", resolve)
  else resolve()
})

const tell = (message: object): void => {
  if (process.connected) process.send?.(message)
}

setFlagsFromString("--expose-gc")
// As a global of a new context it is there, whatever this process was started with.
const gc = runInNewContext("gc") as () => void

/** Heap in use after collections. Bytes. What is only weakly held goes with the second one. */
const heap = async (): Promise<number> => {
  for (let times = 0; times < 2; times++) {
    gc()
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  return process.memoryUsage().heapUsed
}

/** How the connection of this number is opened, and called once. */
type Opens = (client: Servers.Client, n: number) => Effect.Effect<unknown, unknown>

/** What is held more for each connection when a thousand more are open, again and again. The first time warms up. */
const idle = async (settings: Readonly<Record<string, ServerConfig.ServerConfig>>, opens: Opens): Promise<Held> => {
  const client = await Servers.open(settings)
  const samples: Array<number> = []
  for (let round = 0; round <= rounds; round++) {
    const from = round * connections
    const before = await heap()
    const numbers = Array.from({ length: connections }, (_, n) => from + n)
    await client.run(Effect.forEach(numbers, (n) => opens(client, n), { discard: true }))
    const held = (await heap()) - before
    const { open } = await client.run(client.mcp.stats)
    if (open !== from + connections) throw new Error(`${open} connections are open, not ${from + connections}`)
    if (round > 0) samples.push(held / connections)
  }
  await client.close()
  return { held: samples }
}

/** One server with a connection for each partition. */
const partitions = () =>
  idle({ server: { command: Servers.command, isolation: "perPartition" } }, ({ mcp }, n) =>
    mcp.forPartition(`tenant ${n}`).callTool("server", Servers.echo, { text: "" })
  )

/** A server for each connection: what is counted and configured of each server, too. */
const servers = () => {
  const names = Array.from({ length: (rounds + 1) * connections }, (_, n) => `server ${n}`)
  const settings = Object.fromEntries(names.map((name) => [name, { command: Servers.command }]))
  return idle(settings, ({ mcp }, n) => mcp.callTool(`server ${n}`, Servers.echo, { text: "" }))
}

/** What is held more while fibers wait, each in an effect of its own, for each of them. */
const waiting = async (client: Servers.Client, effect: () => Effect.Effect<unknown, unknown>): Promise<number> => {
  const before = await heap()
  const fork = Effect.forkDaemon(Effect.suspend(effect))
  const fibers = await client.run(Effect.replicateEffect(fork, calls))
  const held = (await heap()) - before
  const ended = fibers.filter((fiber) => fiber.unsafePoll() !== null)
  if (ended.length > 0) throw new Error(`${ended.length} of ${calls} fibers do not wait`)
  await client.run(Fiber.interruptAll(fibers))
  return held / calls
}

/** What a fiber holds that waits as fibers do, and so can be interrupted: for one `Deferred`. */
const plain = Deferred.await(Deferred.unsafeMake<never>(FiberId.none))

/** What a fiber holds, and what a call holds beyond it, when as many are under way at a time as `concurrency` says. */
const call = async (concurrency: number): Promise<Held & { readonly fiber: Samples }> => {
  const client = await Servers.open({ server: { command: Servers.command, concurrency, maxWaiters: calls } })
  const fiber: Array<number> = []
  const held: Array<number> = []
  for (let round = 0; round <= rounds; round++) {
    const alone = await waiting(client, () => plain)
    const calling = await waiting(client, () => client.mcp.callTool("server", Servers.silent, {}))
    if (round === 0) continue
    fiber.push(alone)
    held.push(calling - alone)
  }
  await client.close()
  return { held, fiber }
}

const measures = {
  partitions,
  servers,
  waiting: () => call(1),
  underWay: () => call(calls)
}

const isMeasure = (what: unknown): what is keyof typeof measures => typeof what === "string" && what in measures

process.on("message", (what: unknown) => {
  if (!isMeasure(what)) throw new Error(`no measure ${String(what)}`)
  measures[what]().then(tell, (error: unknown) => tell({ error: error instanceof Error ? error.stack : String(error) }))
})
tell({ ready: true })
await disconnected
process.exit(0)
