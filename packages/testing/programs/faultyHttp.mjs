// The server behind FaultyHttpServer: a process that goes wrong as its script says.   node faultyHttp.mjs FOLDER PORT
// It listens on 127.0.0.1 only, writes its port to stdout, and ends with its stdin, so that it outlives nobody.
// Plain Node without any dependency, so that it starts fast.
import { randomUUID } from "node:crypto"
import { createServer } from "node:http"
import { claim, note, run as runTool, script } from "./folder.mjs"

/** The calls under way of each session, by their ids, with the timer of each that has not begun. */
const sessions = new Map()
/** Answers that a stream was cut before, by the id of its last event. */
const rests = new Map()

const json = (message) => JSON.stringify({ jsonrpc: "2.0", ...message })
const event = (message, id) => `${id === undefined ? "" : `id: ${id}\nretry: 100\n`}data: ${json(message)}\n\n`
const streams = { "content-type": "text/event-stream" }

/** One request for a tool, and what can be said to it. */
class Call {
  constructor(request, response, { flights, id, session, sse }) {
    Object.assign(this, { request, response, flights, id, session, sse, fault: { _tag: "None" } })
  }
  /** What the body is made of: one answer, behind whatever comes first. */
  body(answer, before = []) {
    const all = [...before, answer]
    if (this.sse) return all.map((one) => event(one)).join("")
    return all.length === 1 ? json(answer) : `[${all.map(json).join(",")}]`
  }
  head(more = {}) {
    this.response.writeHead(200, { ...(this.sse ? streams : { "content-type": "application/json" }), ...more })
  }
  end(body) {
    this.head()
    this.response.end(body)
  }
  answer(answer, before) {
    this.end(this.body({ id: this.id, ...answer }, before))
  }
  status(code, headers = {}) {
    this.response.writeHead(code, headers).end(`this is ${code}`)
  }
  reset() {
    this.request.socket.resetAndDestroy()
  }
}

/** What becomes of a call. `run` runs the tool, and gives its result. */
const suffer = {
  None: (call, run) => call.answer({ result: run() }),
  Hang: () => {},
  NoAnswer: (_, run) => void run(),
  AnswerLate: (call, run) => {
    const result = run()
    setTimeout(() => call.answer({ result }), call.fault.by)
  },
  AnswerTwice: (call, run) => {
    const result = run()
    call.answer({ result }, [{ id: call.id, result }])
  },
  IsError: (call) => call.answer({ result: { content: [{ type: "text", text: call.fault.text }], isError: true } }),
  ErrorResponse: (call) => call.answer({ error: { code: call.fault.code, message: call.fault.reason } }),
  Status: (call) =>
    call.status(call.fault.code, call.fault.retryAfter === undefined ? {} : { "retry-after": call.fault.retryAfter }),
  LoseSession: (call) => {
    if (script.sessions) sessions.delete(call.session)
    call.status(404)
  },
  Reset: (call, run) => {
    const body = call.body({ id: call.id, result: run() })
    if (call.fault.at === "start") call.reset()
    else if (call.fault.at === "headers") call.request.socket.write("HTTP/1.1 200 OK\r\ncontent-ty", () => call.reset())
    else {
      call.head({ "content-length": Buffer.byteLength(body) })
      call.response.write(body.slice(0, body.length / 2), () => call.reset())
    }
  },
  CutStream: (call, run) => {
    const answer = { id: call.id, result: run() }
    const place = call.fault.resumes ? randomUUID() : undefined
    if (place !== undefined) rests.set(place, event(answer))
    call.response.writeHead(200, streams)
    call.response.end(event({ method: "notifications/message", params: { level: "info", data: "soon" } }, place))
  },
  Drip: (call, run) => {
    const body = call.body({ id: call.id, result: run() })
    const pieces = Array.from({ length: 10 }, (_, n) =>
      body.slice((n * body.length) / 10, ((n + 1) * body.length) / 10)
    )
    call.head()
    const drip = setInterval(() => {
      const piece = pieces.shift()
      if (piece !== undefined && !call.response.destroyed) return call.response.write(piece)
      clearInterval(drip)
      call.response.end()
    }, call.fault.over / 10)
  },
  StopHalfway: (call, run) => {
    const body = call.body({ id: call.id, result: run() })
    call.head()
    call.response.write(body.slice(0, body.length / 2))
  },
  Malformed: (call, run) => {
    run()
    call.end(call.sse ? "nonsense\n\ndata: {oops\n\n: \nid\n\n" : '{"jsonrpc":"2.0","id":{]}')
  },
  ForeignAnswers: (call, run) => {
    const result = { content: [], structuredContent: { args: { id: "made up" } } }
    const others = [...call.flights.keys()].filter((id) => id !== call.id)
    call.answer(
      { result: run() },
      [...others, call.id + 1_000_000].map((id) => ({ id, result }))
    )
  },
  LongAnswer: (call, run) => call.answer({ result: { ...run(), filler: "x".repeat(call.fault.bytes) } })
}

/** What the protocol and HTTP do not set by themselves. */
const configured = (headers) =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !/^(host|connection|accept|content-|mcp-)/.test(name)))

const callTool = (call, { arguments: args = {}, name }) => {
  if (!script.tools.includes(name)) return call.answer({ error: { code: -32602, message: `Unknown tool: ${name}` } })
  // A caller may bring the fault along, ahead of the script.
  const { fault = call.fault, latency = 0 } = args.fault === undefined ? claim("call", script.calls) : args.fault
  note({ event: "call" })
  call.fault = fault
  const { flights } = call
  const go = () => {
    if (flights.get(call.id) !== undefined) flights.set(call.id, null)
    suffer[fault._tag](call, () => runTool(name, args, { headers: configured(call.request.headers) }))
  }
  flights.set(call.id, latency === 0 ? null : setTimeout(go, latency))
  call.response.on("close", () => {
    // Who has gone has not cancelled: a call that waits for its turn still runs.
    if (flights.get(call.id) === null) flights.delete(call.id)
  })
  if (latency === 0) go()
}

const greet = (call, { protocolVersion }) => {
  const { fault = { _tag: "None" }, latency = 0 } = claim("start", script.connects)
  const session = script.sessions ? randomUUID() : undefined
  const result = { protocolVersion, capabilities: { tools: {} }, serverInfo: { name: "faulty", version: "0.1.0" } }
  const answers = {
    None: () => {
      if (session !== undefined) {
        sessions.set(session, new Map())
        call.response.setHeader("mcp-session-id", session)
      }
      call.answer({ result })
    },
    Refuse: () => call.status(503),
    Hang: () => {},
    HangHandshake: () => {},
    CrashHandshake: () => call.reset(),
    RejectHandshake: () => call.answer({ error: { code: -32603, message: "The server rejects the handshake" } }),
    WrongVersion: () => call.answer({ result: { ...result, protocolVersion: "1999-12-31" } })
  }
  setTimeout(answers[fault._tag], latency)
}

const receive = (request, response, body) => {
  const session = script.sessions ? request.headers["mcp-session-id"] : undefined
  const { id, method, params = {} } = body === "" ? {} : JSON.parse(body)
  const sse = script.answers === "events" || (script.answers === "both" && Math.random() < 0.5)
  const flights = sessions.get(session)
  const call = new Call(request, response, { flights, id, session, sse })
  if (method === "initialize") return greet(call, params)
  if (flights === undefined) return call.status(404)
  if (request.method === "DELETE") {
    sessions.delete(session)
    return response.end()
  }
  if (request.method === "GET") {
    const last = request.headers["last-event-id"]
    if (last === undefined && !script.listens) return call.status(405)
    response.writeHead(200, streams)
    if (!rests.has(last)) return response.flushHeaders()
    response.end(rests.get(last))
    return rests.delete(last)
  }
  switch (method) {
    case "ping":
      return call.answer({ result: {} })
    case "tools/list":
      return call.answer({ result: { tools: script.tools.map((name) => ({ name, inputSchema: { type: "object" } })) } })
    case "tools/call":
      return callTool(call, params)
    case "notifications/cancelled":
      note({ event: "cancelled" })
      clearTimeout(flights.get(params.requestId) ?? undefined)
      flights.delete(params.requestId)
      return call.status(202)
    default:
      if (id === undefined || method === undefined) return call.status(202)
      return call.answer({ error: { code: -32601, message: "Method not found" } })
  }
}

// Without sessions there is one, and nobody names it.
if (!script.sessions) sessions.set(undefined, new Map())

note({ event: "start" })
const port = Number(process.argv[3])
const server = createServer((request, response) => {
  let body = ""
  request.setEncoding("utf8")
  request.on("data", (text) => (body += text))
  request.on("end", () => receive(request, response, body))
  // The client may be gone; what it did not read is nobody's concern.
  request.on("error", () => {})
  response.on("error", () => {})
})
// After a restart, a client's own socket may hold the port for a moment.
server.on("error", (error) => {
  if (error.code !== "EADDRINUSE" || port === 0) throw error
  setTimeout(() => server.listen(port, "127.0.0.1"), 20)
})
server.on("listening", () => process.stdout.write(`${server.address().port}\n`))
server.listen(port, "127.0.0.1")
process.stdin.on("end", () => process.exit(0)).resume()
