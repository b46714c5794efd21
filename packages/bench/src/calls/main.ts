/**
 * The process of one subject: says who it is, opens its client when it is told to, then does the rounds that it is sent.
 * Argument: the subject's module.
 */
import * as Schema from "effect/Schema"
import { dirname } from "node:path"
import { pathToFileURL } from "node:url"
import * as Held from "./Held.js"
import * as Loop from "./Loop.js"
import { serve } from "./Served.js"
import type { Settings } from "./Settings.js"
import { Asked, type Client, type Load, type Sample, type Subject, type Target } from "./Subject.js"
import { versionOf } from "./Version.js"

const [module = ""] = process.argv.slice(2)

const opened = async ({ open }: Subject, target: Target, settings?: Settings): Promise<Client> => {
  const client = await open(target, settings)
  return "call" in client ? { run: Loop.promises(client.call), close: client.close } : client
}

const round = async (client: Client, load: Load): Promise<Sample> => {
  const latencies: Array<number> = []
  const startedAt = performance.now()
  const before = process.cpuUsage()
  await client.run(load, (micros) => void latencies.push(micros))
  const { system, user } = process.cpuUsage(before)
  const wallMs = performance.now() - startedAt
  latencies.sort((a, b) => a - b)
  const sample = { wallMs, cpuUs: user + system, p50Us: latencies[latencies.length >> 1] ?? 0 }
  return load.last === true ? { ...sample, held: Held.now() } : sample
}

await serve(async () => {
  // What `Comparison` names are modules of this shape.
  const subject = (await import(pathToFileURL(module).href)) as Subject
  const { from = dirname(module), package: name, settings = "" } = subject.about ?? {}
  let opening: Promise<Client> | undefined
  return {
    says: { version: versionOf(name, from), settings },
    answer: async (message) => {
      const asked = Schema.decodeUnknownSync(Asked)(message)
      if ("open" in asked) {
        await (opening = opened(subject, asked.open, asked.settings))
        return { opened: true }
      }
      if (opening === undefined) throw new Error("it has not been opened")
      return round(await opening, asked)
    },
    // Where it did not open, that was the answer.
    close: async () => {
      const client = await opening?.catch(() => undefined)
      await client?.close()
    }
  }
})
