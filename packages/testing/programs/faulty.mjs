// The server behind FaultyServer: a real process that goes wrong as its script says.   node faulty.mjs FOLDER
// Plain Node without any dependency, so that it starts fast.
import { spawn } from "node:child_process"
import { writeSync } from "node:fs"
import { claim, note, run as runTool, script } from "./folder.mjs"

let unfinishedLine = false
const write = (text) => {
  process.stdout.write(unfinishedLine ? `\n${text}` : text)
  unfinishedLine = false
}
const lineOf = (message) => `${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`
const say = (message) => write(lineOf(message))
const crash = () => process.exit(1)

/** Notifications as fast as they can be written, but with turns in between; `null` is for ever. */
const flood = (count, then) => {
  const some = Math.min(count ?? Infinity, 1000)
  let text = ""
  for (let n = 0; n < some; n++) text += lineOf({ method: "notifications/message", params: { level: "info", data: n } })
  process.stdout.write(text, () => {
    if (count === null || count > some) setImmediate(flood, count === null ? null : count - some, then)
    else then()
  })
}

/** What becomes of a call. `run` runs the tool, and gives its result. */
const suffer = {
  None: ({ id, run }) => say({ id, result: run() }),
  CrashUnrun: crash,
  CrashDuring: ({ fault, run }) => {
    run()
    setTimeout(crash, fault.after)
  },
  CrashAfter: ({ run }) => {
    run()
    crash()
  },
  CrashAnswered: ({ id, run }) => {
    say({ id, result: run() })
    crash()
  },
  Hang: () => {},
  NoAnswer: ({ run }) => void run(),
  AnswerLate: ({ fault, id, run }) => {
    const result = run()
    setTimeout(() => say({ id, result }), fault.by)
  },
  AnswerTwice: ({ id, run }) => {
    const answer = lineOf({ id, result: run() })
    write(answer + answer)
  },
  WrongId: ({ id, run }) => {
    const result = run()
    say({ id: `not-${id}`, result })
    say({ id: id + 1_000_000, result })
  },
  IsError: ({ fault, id }) => say({ id, result: { content: [{ type: "text", text: fault.text }], isError: true } }),
  ErrorResponse: ({ fault, id }) => say({ id, error: { code: fault.code, message: fault.reason } }),

  HalfLine: ({ fault, id, run }) => {
    const answer = lineOf({ id, result: run() })
    write(answer.slice(0, answer.length / 2))
    unfinishedLine = true
    if (fault.exits) process.exit(0)
  },
  Junk: ({ fault, id, run }) => {
    write('\u001b[33mready!\u001b[0m\n{"level":"info"}\n[]\n'.repeat(fault.times))
    say({ id, result: run() })
  },
  LongLine: ({ fault, id, run }) => say({ id, result: { ...run(), filler: "x".repeat(fault.bytes) } }),
  Deep: ({ fault, id, run }) => {
    const nested = "[".repeat(fault.levels) + "]".repeat(fault.levels)
    const { content } = run()
    write(`{"jsonrpc":"2.0","id":${id},"result":{"content":${JSON.stringify(content)},"nested":${nested}}}\n`)
  },
  FloodStderr: ({ fault, id, run }) => {
    const lines = `${"z".repeat(999)}\n`.repeat(100)
    for (let bytes = 0; bytes < fault.bytes; bytes += lines.length) writeSync(2, lines)
    say({ id, result: run() })
  },
  FloodNotifications: ({ fault, id, run }) => {
    const result = run()
    flood(fault.count, () => say({ id, result }))
  },
  StopReading: ({ id, run }) => {
    say({ id, result: run() })
    process.stdin.pause()
    reading = false
    // With nothing to read there is nothing else that keeps a process.
    setInterval(() => {}, 1000)
  },
  Stop: () => process.kill(process.pid, "SIGSTOP"),
  LeaveGrandchild: ({ id, run }) => {
    const result = run()
    const program = "process.on('SIGTERM', () => {}); setInterval(() => {}, 1000); console.error('up')"
    const grandchild = spawn(process.execPath, ["-e", program, process.argv[2]], {
      stdio: ["ignore", "inherit", "pipe"]
    })
    note({ event: "start", pid: grandchild.pid, grandchild: true })
    grandchild.stderr.once("data", () => {
      say({ id, result })
      process.exit(0)
    })
  }
}

const flights = new Map()

const callTool = (id, { arguments: args = {}, name }) => {
  if (!script.tools.includes(name)) return say({ id, error: { code: -32602, message: `Unknown tool: ${name}` } })
  // A caller may bring the fault along, ahead of the script.
  const { fault = { _tag: "None" }, latency } = args.fault === undefined ? claim("call", script.calls) : args.fault
  note({ event: "call" })
  const run = () => runTool(name, args)
  const go = () => {
    flights.delete(id)
    suffer[fault._tag]({ fault, id, run })
  }
  if (latency === undefined) go()
  else flights.set(id, setTimeout(go, latency))
}

const greet = (id, { protocolVersion }, fault) => {
  const result = { capabilities: { tools: {} }, serverInfo: { name: "faulty", version: "0.1.0" } }
  if (fault === "CrashHandshake") crash()
  else if (fault === "RejectHandshake")
    say({ id, error: { code: -32603, message: "The server rejects the handshake" } })
  else if (fault === "WrongVersion") say({ id, result: { ...result, protocolVersion: "1999-12-31" } })
  else if (fault !== "HangHandshake") say({ id, result: { ...result, protocolVersion } })
}

const receive = ({ id, method, params = {} }, startFault) => {
  switch (method) {
    case "initialize":
      return greet(id, params, startFault)
    case "ping":
      return say({ id, result: {} })
    case "tools/list":
      return say({ id, result: { tools: script.tools.map((name) => ({ name, inputSchema: { type: "object" } })) } })
    case "tools/call":
      return callTool(id, params)
    case "notifications/cancelled":
      note({ event: "cancelled" })
      clearTimeout(flights.get(params.requestId))
      return flights.delete(params.requestId)
    default:
      if (id !== undefined && method !== undefined) say({ id, error: { code: -32601, message: "Method not found" } })
  }
}

let reading = true
const read = (startFault) => {
  let rest = ""
  process.stdin.setEncoding("utf8").on("data", (chunk) => {
    const lines = (rest + chunk).split("\n")
    rest = lines.pop()
    for (const line of lines) if (reading) receive(JSON.parse(line), startFault)
  })
}

note({ event: "start" })
if (script.ignoresSigterm) process.on("SIGTERM", () => {})
if (script.ignoresStdinEnd) setInterval(() => {}, 1000)
// The client is gone; a server that goes on writing learns of it like this.
process.stdout.on("error", () => process.exit(0))

const { fault = { _tag: "None" }, latency = 0 } = claim("start", script.connects)
const begin = () => {
  if (fault._tag === "Refuse") {
    writeSync(2, `${fault.reason ?? "the server refused to start"}\n`)
    process.exitCode = 1
  } else if (fault._tag === "Hang") setInterval(() => {}, 1000)
  else read(fault._tag)
}
if (latency === 0) begin()
else setTimeout(begin, latency)
