/**
 * The process of one subject: opens its client, then does the rounds that it is sent. It ends when its parent
 * disconnects or is gone, and only then: Ctrl-C reaches the whole group, and what it has opened must be closed first.
 * Arguments: the subject's file, the target as JSON.
 */
import * as Schema from "effect/Schema"
import { type Client, Load, type Open, type Sample, Target } from "./Subject.js"

const [file = "", target = ""] = process.argv.slice(2)
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => {})

const disconnected = new Promise<void>((resolve) => {
  // It may have happened while the imports were loading.
  if (process.connected) process.once("disconnect", resolve)
  else resolve()
})
const tell = (message: object): void => {
  if (process.connected) process.send?.(message)
}

const round = async (client: Client, load: Load): Promise<Sample> => {
  const latencies: Array<number> = []
  const startedAt = performance.now()
  const before = process.cpuUsage()
  await client.run(load, (micros) => void latencies.push(micros))
  const { system, user } = process.cpuUsage(before)
  const wallMs = performance.now() - startedAt
  latencies.sort((a, b) => a - b)
  return { wallMs, cpuUs: user + system, p50Us: latencies[latencies.length >> 1] ?? 0 }
}

try {
  // Each file in `subjects/` exports an `open`; `Comparison` names only those.
  const { open } = (await import(`../subjects/${file}.js`)) as { readonly open: Open }
  const client = await open(Schema.decodeUnknownSync(Schema.parseJson(Target))(target))
  process.on("message", (message) => {
    round(client, Schema.decodeUnknownSync(Load)(message)).then(tell, (error: unknown) =>
      tell({ error: error instanceof Error ? error.stack : String(error) })
    )
  })
  tell({ ready: true })
  await disconnected
  await client.close()
} catch (error) {
  process.exitCode = 1
  process.stderr.write(`${file}: ${error instanceof Error ? error.stack : String(error)}\n`)
  if (process.connected) process.disconnect()
}
