// The folder that the processes of one faulty server share; its path is their first argument. It holds `script.json`,
// and the ledger: a line of JSON for each start, each call taken, each run of a tool and each cancellation, written
// before anything else happens, so that it is true even of a process that is killed.
import { appendFileSync, mkdirSync, readFileSync } from "node:fs"
import { join } from "node:path"

const folder = process.argv[2] ?? "."

export const script = JSON.parse(readFileSync(join(folder, "script.json"), "utf8"))

export const note = (entry) =>
  appendFileSync(join(folder, "ledger"), `${JSON.stringify({ pid: process.pid, ...entry })}\n`)

/** Notes that the tool runs, with what else is known of the call, and gives its result. */
export const run = (tool, args, more) => {
  note({ event: "run", tool, args, at: Date.now(), ...more })
  const content = [{ type: "text", text: JSON.stringify(args) }]
  return { content, structuredContent: { args, pid: process.pid } }
}

/** The next entry of a list that all processes of the server share: making a folder succeeds for one of them only. */
export const claim = (what, list) => {
  for (let n = 0; n < list.length; n++) {
    try {
      mkdirSync(join(folder, `${what}-${n}`))
      return list[n]
    } catch (error) {
      if (error.code !== "EEXIST") throw error
    }
  }
  return {}
}
