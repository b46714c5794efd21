/** The process of one subject: does the rounds that it is sent. Arguments: the subject's file, the target as JSON. */
import * as Schema from "effect/Schema"
import { serve } from "./Served.js"
import { type Client, Load, type Open, type Sample, Target } from "./Subject.js"

const [file = "", target = ""] = process.argv.slice(2)

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

await serve(async () => {
  // Each file in `subjects/` exports an `open`; `Comparison` names only those.
  const { open } = (await import(`../subjects/${file}.js`)) as { readonly open: Open }
  const client = await open(Schema.decodeUnknownSync(Schema.parseJson(Target))(target))
  return {
    answer: (message) => round(client, Schema.decodeUnknownSync(Load)(message)),
    close: client.close
  }
})
