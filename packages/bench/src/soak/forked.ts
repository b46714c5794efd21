/**
 * A soak in a process that a benchmark forks, since nothing else may run beside it. Arguments: transport, minutes,
 * callers, seed. It is asked now and then whether it has ended.
 */
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Samples from "./Samples.js"
import * as Soak from "./Soak.js"

const [transport, minutes, callers, seed = ""] = process.argv.slice(2)
setFlagsFromString("--expose-gc")
// As `--expose-gc` on the command line would have it.
globalThis.gc = runInNewContext("gc") as NonNullable<typeof globalThis.gc>
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => {})

const tell = (message: object): void => {
  if (process.connected) process.send?.(message)
}

const soak = Effect.runFork(
  Soak.run({
    transport: transport === "http" ? "http" : "stdio",
    minutes: Number(minutes),
    callers: Number(callers),
    seed
  })
)

const ended = Fiber.join(soak).pipe(
  Effect.map(({ accounts, samples, wrong }) => {
    const rests = Samples.restsOf(samples)
    const { calls, runs } = accounts
    return { calls, runs, kills: samples.at(-1)?.kills ?? 0, rests, wrong: [...Samples.leftOver(rests), ...wrong] }
  })
)

// Answered at once: a timer to wait by would be one more than the soak has given back.
process.on("message", () => {
  const told = Effect.flatMap(Fiber.poll(soak), (exit): Effect.Effect<object> =>
    exit._tag === "None" ? Effect.succeed({ runs: null }) : ended
  )
  Effect.runPromise(told).then(tell, (error: unknown) =>
    tell({ error: error instanceof Error ? error.stack : String(error) })
  )
})

// Its servers are ended before it ends itself.
process.once("disconnect", () => {
  void Effect.runPromise(Fiber.interrupt(soak)).then(() => process.exit(0))
})
tell({ ready: true })
