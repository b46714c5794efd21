import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import { lookup } from "node:dns/promises"
import { existsSync } from "node:fs"
import { connect, type Socket } from "node:net"
import process from "node:process"
import { fileURLToPath } from "node:url"
import * as Asking from "./fixtures/Asking.js"
import * as RawServer from "./fixtures/RawServer.js"

const { answer, echo } = RawServer

const isFree = ({ sockets }: RawServer.RawServer) => Asking.until(() => sockets.size === 0)

describe("sockets to one origin", () => {
  it.scopedLive("are used again, and no more are opened than requests are under way", () =>
    Effect.gen(function* () {
      const server = yield* echo()
      const sockets = yield* Asking.open(server.origin)
      yield* Asking.again(sockets, server)
    })
  )

  const evil = answer("evil")
  const unsolicited = [evil, evil.slice(0, 20), "\r\n", "?", `${evil}${evil}`]
  const moments: ReadonlyArray<readonly [string, (act: () => void) => void]> = [
    ["with its answer", (act) => act()],
    ["in the turn after", (act) => void setImmediate(act)],
    ["two turns after", (act) => void setImmediate(() => setImmediate(act))],
    ["at once", (act) => void setTimeout(act, 0)],
    ["a while after", (act) => void setTimeout(act, 3)]
  ]

  it.scopedLive.each(moments)("take nothing for an answer that nobody asked for, which a server sends %s", ([, at]) =>
    Effect.gen(function* () {
      for (const more of unsolicited) {
        const server = yield* RawServer.open({
          request: ({ body }, socket) => {
            socket.write(answer(body))
            at(() => void (socket.destroyed || socket.write(more)))
          }
        })
        const sockets = yield* Asking.open(server.origin)
        for (let n = 0; n < 20; n++) {
          // What is under way when it comes cannot be told from an answer by anybody: so nothing is under way.
          expect(yield* Asking.outcome(sockets, `${n}`)).toBe(`${n}`)
          if (at !== moments[0]?.[1]) yield* Effect.sleep("6 millis")
        }
        expect(server.accepted()).toBe(20)
        expect(yield* Asking.inTurn(sockets, 2)).not.toContain("evil")
      }
    })
  )

  const ends: ReadonlyArray<readonly [string, (socket: Socket) => void]> = [
    ["ends", (socket) => void socket.end()],
    ["destroys", (socket) => void socket.destroySoon()],
    [
      "resets",
      (socket) => void (socket.writable && !socket.readableEnded ? socket.resetAndDestroy() : socket.destroy())
    ]
  ]

  it.scopedLive.each(ends)("fail no request that follows an answer after which the server %s them", ([how, end]) =>
    Effect.gen(function* () {
      // Later than this, nobody can know.
      for (const [, at] of moments.slice(how === "resets" ? 1 : 0, 2)) {
        const server = yield* RawServer.open({
          request: ({ body }, socket) => {
            socket.write(answer(body))
            at(() => end(socket))
          }
        })
        const sockets = yield* Asking.open(server.origin)
        expect(yield* Asking.inTurn(sockets, 100)).toEqual(Asking.numbers(100))
        const all = yield* Effect.all(
          Array.from({ length: 8 }, () => Asking.inTurn(sockets, 25)),
          { concurrency: "unbounded" }
        )
        expect(new Set(all.flat())).toEqual(new Set(Asking.numbers(25)))
        expect(server.requests).toHaveLength(300)
        expect(server.accepted()).toBe(300)
      }
    })
  )

  it.scopedLive.each(ends)("that were idle when the server %s them are not written to", ([, end]) =>
    Effect.gen(function* () {
      const server = yield* echo()
      const sockets = yield* Asking.open(server.origin)
      for (let n = 0; n < 30; n++) {
        expect(yield* Asking.outcome(sockets, "a")).toBe("a")
        for (const socket of server.sockets) end(socket)
        // In this turn, after the next look, and when it is long known.
        if (n % 3 === 1) yield* Effect.promise(() => new Promise((done) => setImmediate(done)))
        if (n % 3 === 2) yield* Effect.sleep("3 millis")
        expect(yield* Asking.outcome(sockets, "b")).toBe("b")
      }
      expect(server.requests).toHaveLength(60)
    })
  )

  it.scopedLive("are not used again where the server says so, nor longer than it says, nor when they are old", () =>
    Effect.gen(function* () {
      let headers = ""
      let now = 1e18
      const server = yield* RawServer.open({ request: ({ body }, socket) => void socket.write(answer(body, headers)) })
      const sockets = yield* Asking.open(server.origin, { now: () => now, lifetime: 60e9 })
      /** How many sockets it takes to ask twice, with so many seconds between. */
      const opened = (says: string, seconds: number) =>
        Effect.gen(function* () {
          headers = says
          const before = server.accepted()
          for (const body of ["a", "b"]) {
            expect(yield* Asking.outcome(sockets, body)).toBe(body)
            now += seconds * 1e9
          }
          const after = server.accepted() - before
          // The next begin with none.
          now += 1e12
          return after
        })
      expect(yield* opened("", 3)).toBe(1)
      expect(yield* opened("", 5)).toBe(2)
      expect(yield* opened("keep-alive: timeout=20\r\n", 18)).toBe(1)
      expect(yield* opened("keep-alive: timeout=20\r\n", 19.5)).toBe(2)
      expect(yield* opened("keep-alive: timeout=1\r\n", 0.4)).toBe(1)
      expect(yield* opened("keep-alive: timeout=1\r\n", 0.6)).toBe(2)
      expect(yield* opened("keep-alive: timeout=0\r\n", 0)).toBe(2)
      expect(yield* opened("keep-alive: timeout=9999\r\n", 59)).toBe(1)
      expect(yield* opened("keep-alive: timeout=9999\r\n", 61)).toBe(2)
      expect(yield* opened("connection: close\r\n", 0)).toBe(2)
    })
  )

  it.scopedLive("grow old though they are never idle", () =>
    Effect.gen(function* () {
      let now = 1e18
      const server = yield* echo({
        request: ({ body }, socket) => {
          now += 1e9
          socket.write(answer(body))
        }
      })
      const sockets = yield* Asking.open(server.origin, { now: () => now, lifetime: 9.5e9 })
      const all: Array<Asking.Asked> = []
      const next = () =>
        void all.push(Asking.ask(sockets, `${all.length}`, { end: () => void (all.length < 100 && next()) }))
      next()
      yield* Asking.until(() => all.length === 100 && all.every(({ told }) => told.includes("gone")))
      expect(all.map(({ outcome }) => outcome)).toEqual(Asking.numbers(100))
      expect(server.accepted()).toBe(10)
    })
  )

  it.scopedLive("that nobody wants are closed after a while, and work as ever when time stands still", () =>
    Effect.gen(function* () {
      let now = 1e18
      const server = yield* echo()
      const sockets = yield* Asking.open(server.origin, { now: () => now })
      const asking = Effect.all(
        Array.from({ length: 5 }, () => Asking.inTurn(sockets, 20)),
        { concurrency: "unbounded" }
      )
      expect((yield* asking).flat()).toHaveLength(100)
      yield* Effect.sleep("700 millis")
      expect(server.sockets.size).toBe(server.accepted())
      now += 10e9
      yield* isFree(server)
      expect(yield* Asking.outcome(sockets, "again")).toBe("again")
    })
  )

  it.scopedLive("are not used again when the answer is there before the request has left", () =>
    Effect.gen(function* () {
      const server = yield* RawServer.open({
        head: (head, socket) => {
          if (!head.includes("content-length: 8388608")) return false
          socket.pause()
          socket.write(answer("early"))
          return true
        },
        request: ({ body }, socket) => void socket.write(answer(body))
      })
      const sockets = yield* Asking.open(server.origin)
      expect(yield* Asking.outcome(sockets, "x".repeat(8 << 20))).toBe("early")
      expect(yield* Asking.outcome(sockets, "small")).toBe("small")
      expect(server.accepted()).toBe(2)
    })
  )

  it.scopedLive("carry bodies of 8 MiB both ways, of any characters, whole and in chunks", () =>
    Effect.gen(function* () {
      const server = yield* RawServer.open({
        request: ({ body }, socket) => {
          if (!body.startsWith("c")) return void socket.write(answer(body))
          socket.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
          for (let at = 0; at < body.length; at += 100_000) {
            const chunk = body.slice(at, at + 100_000)
            socket.write(`${Buffer.byteLength(chunk).toString(16)}\r\n${chunk}\r\n`)
          }
          socket.write("0\r\n\r\n")
        }
      })
      const sockets = yield* Asking.open(server.origin)
      for (const body of ["x".repeat(8 << 20), "é∞".repeat((8 << 20) / 5), `c${"é∞".repeat((8 << 20) / 5)}`]) {
        const asked = yield* Effect.promise(() => Asking.ask(sockets, body).isGone)
        expect(asked.wrong).toEqual([])
        expect(asked.body === body).toBe(true)
      }
      // What is no character is sent as what stands for one, and its length is right.
      expect(yield* Asking.outcome(sockets, "\ud800é")).toBe("\ufffdé")
      expect(server.accepted()).toBe(1)
    })
  )
})

describe("a request that is aborted", () => {
  it.scopedLive("tells nothing more, and frees its socket, at whatever stage it is", () =>
    Effect.gen(function* () {
      let write: (socket: Socket) => void = () => {}
      const server = yield* RawServer.open({ request: (_, socket) => write(socket) })
      const sockets = yield* Asking.open(server.origin)
      const aborted = (asked: Asking.Asked) =>
        Effect.promise(async () => {
          asked.abort()
          asked.abort()
          const { told, wrong } = await asked.isGone
          expect(wrong).toEqual([])
          return told.join()
        })
      // Connecting.
      expect(yield* aborted(Asking.ask(sockets, "a"))).toBe("gone")
      expect(server.requests).toHaveLength(0)
      // Written.
      const written = Asking.ask(sockets, "b")
      yield* Asking.until(() => server.requests.length === 1)
      expect(yield* aborted(written)).toBe("starting,gone")
      yield* isFree(server)
      // Its head, or a part of its body, is there.
      for (const [text, told] of [
        ["HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n", "starting,head,gone"],
        ["HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab", "starting,head,data,gone"]
      ] as const) {
        write = (socket) => void socket.write(text)
        const asked = Asking.ask(sockets, "c")
        yield* Asking.until(() => `${asked.told.join()},gone` === told)
        expect(yield* aborted(asked)).toBe(told)
        yield* isFree(server)
      }
      // It is whole: the socket can be used again.
      write = (socket) => void socket.write(answer("ab"))
      const whole = Asking.ask(sockets, "d", { end: (asked) => asked.flight?.abort() })
      expect((yield* Effect.promise(() => whole.isGone)).outcome).toBe("ab")
      const before = server.accepted()
      // It has a socket, and waits for its turn.
      const boarding = Asking.ask(sockets, "e")
      expect(yield* aborted(boarding)).toBe("gone")
      yield* Effect.sleep("1 millis")
      expect(yield* Asking.outcome(sockets, "f")).toBe("ab")
      expect(server.accepted()).toBe(before)
      expect(server.requests.map(({ body }) => body).join("")).toBe("bccdf")
    })
  )

  const stages = ["starting", "head", "data", "end", "failed", "gone"] as const

  it.scopedLive.each(stages)("may be aborted, and others be sent, when it is told: %s", (stage) =>
    Effect.gen(function* () {
      const server = yield* RawServer.open({
        request: ({ body }, socket) => {
          if (body === "fail") socket.destroy()
          else {
            socket.write(answer(body).slice(0, -1))
            setImmediate(() => void socket.write(body.slice(-1)))
          }
        }
      })
      const sockets = yield* Asking.open(server.origin)
      const others: Array<Promise<Asking.Asked>> = []
      const bodies = ["first", "fail", "another", "fail", "last"]
      const all = bodies.map((body) =>
        Asking.ask(sockets, body, {
          [stage]: (asked: Asking.Asked) => {
            if (others.length < 40) others.push(Asking.ask(sockets, "other").isGone)
            asked.abort()
            if (others.length < 40) others.push(Asking.ask(sockets, "other").isGone)
          }
        })
      )
      for (const asked of all) yield* Effect.promise(() => asked.isGone)
      expect(others.length).toBeGreaterThan(0)
      for (const other of others) expect((yield* Effect.promise(() => other)).outcome).toBe("other")
      // Nor was anything told after that.
      yield* Effect.sleep("5 millis")
      expect(all.flatMap(({ wrong }) => wrong)).toEqual([])
    })
  )

  it.scopedLive("frees everything though 10,000 of them end at any moment, and gets no other one's answer", () =>
    Effect.gen(function* () {
      let seed = Number(process.env["FC_SEED"])
      const random = (below: number) => {
        seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0
        return (seed >>> 8) % below
      }
      const server = yield* RawServer.open({
        request: ({ body }, socket) => {
          const text = answer(body, random(20) === 0 ? "connection: close\r\n" : "")
          const at = random(text.length)
          if (random(50) === 0) socket.destroy()
          else if (random(3) > 0) socket.write(text)
          else {
            socket.write(text.slice(0, at))
            setImmediate(() => void (socket.destroyed || socket.write(text.slice(at))))
          }
        }
      })
      const sockets = yield* Asking.open(server.origin)
      let answered = 0
      let begun = 0
      const caller = async () => {
        while (begun < 10_000) {
          const body = `${begun++}`
          const asked = Asking.ask(sockets, body)
          const moment = random(6)
          if (moment === 0) asked.abort()
          else if (moment === 1) queueMicrotask(() => asked.abort())
          else if (moment === 2) setImmediate(() => asked.abort())
          else if (moment === 3 && random(4) === 0) setTimeout(() => asked.abort(), random(4))
          await asked.isGone
          if (asked.told.includes("end")) answered++
          if (!["nothing", body, "cutOff once sent"].includes(asked.outcome)) return asked.outcome
          expect(server.sockets.size).toBeLessThan(200)
        }
        return undefined
      }
      const wrong = yield* Effect.promise(() => Promise.all(Array.from({ length: 16 }, caller)))
      expect(wrong.filter((one) => one !== undefined)).toEqual([])
      expect(answered).toBeGreaterThan(3000)
      // Those that are left can be used.
      expect(yield* Asking.inTurn(yield* Asking.open((yield* echo()).origin), 3)).toEqual(Asking.numbers(3))
      yield* Effect.promise(() => sockets.close())
      yield* isFree(server)
    })
  )
})

describe("a connection", () => {
  it.scopedLive("that is not made fails its request, which has not left", () =>
    Effect.gen(function* () {
      const gone = yield* Effect.scoped(Effect.map(echo(), ({ origin }) => origin))
      expect(yield* Asking.outcome(yield* Asking.open(gone), "a")).toBe("refused")
      const nowhere = yield* Asking.open("http://nowhere.invalid:1")
      expect(["unknownHost", "noName"]).toContain(yield* Asking.outcome(nowhere, "a"))
    })
  )

  it.scopedLive("that is not accepted in time fails its request, which has not left", () =>
    Effect.gen(function* () {
      // A listener that is stopped accepts nothing: the system queues what fits, and drops the rest.
      const listener = yield* Effect.acquireRelease(
        Effect.promise(async () => {
          const listen = `require("net").createServer().listen({ port: 0, host: "127.0.0.1", backlog: 1 }, function () {
            process.send(this.address().port)
          })`
          const child = spawn(process.execPath, ["-e", listen], { stdio: ["ignore", "inherit", "inherit", "ipc"] })
          const port = await new Promise<number>((resolve) => child.once("message", (port) => resolve(Number(port))))
          child.kill("SIGSTOP")
          return { child, port }
        }),
        ({ child }) =>
          Effect.promise(async () => {
            const exited = new Promise((resolve) => child.once("exit", resolve))
            child.kill("SIGKILL")
            await exited
          })
      )
      const fillers = yield* Effect.acquireRelease(
        Effect.sync(() => Array.from({ length: 8 }, () => connect(listener.port, "127.0.0.1").on("error", () => {}))),
        (all) => Effect.sync(() => all.forEach((socket) => socket.destroy()))
      )
      yield* Asking.until(() => fillers.some(({ connecting }) => !connecting))
      const sockets = yield* Asking.open(`http://127.0.0.1:${listener.port}`, { connectTimeout: 150 })
      expect(yield* Asking.outcome(sockets, "a")).toBe("connectTimeout")
      // Nor is one whose TLS does not come about.
      const { origin } = yield* RawServer.open({ head: () => true })
      const secure = yield* Asking.open(origin.replace("http:", "https:"), { connectTimeout: 150 })
      expect(yield* Asking.outcome(secure, "a")).toBe("connectTimeout")
    })
  )

  it.scopedLive("fails its request at once when all is closed before it is there, and none can be sent after", () =>
    Effect.gen(function* () {
      const server = yield* echo()
      const sockets = yield* Asking.open(server.origin)
      const asked = [Asking.ask(sockets, "a"), Asking.ask(sockets, "b")]
      yield* Effect.promise(() => sockets.close())
      for (const { isGone } of asked) {
        const { failure, outcome } = yield* Effect.promise(() => isGone)
        expect([outcome, failure?.code]).toEqual(["unreachable", "the connection was closed by this side"])
      }
      expect(yield* Asking.outcome(sockets, "c")).toBe("unreachable")
      expect(server.requests).toEqual([])
    })
  )

  it.scopedLive("fails the requests that are under way on it when all is closed", () =>
    Effect.gen(function* () {
      const server = yield* RawServer.open({})
      const sockets = yield* Asking.open(server.origin)
      const asked = Asking.ask(sockets, "a")
      yield* Asking.until(() => server.requests.length === 1)
      yield* Effect.promise(() => sockets.close())
      expect((yield* Effect.promise(() => asked.isGone)).outcome).toBe("cutOff once sent")
      yield* isFree(server)
    })
  )

  it.scopedLive("is made by IPv6, and to a name of several addresses of which one is listened at", () =>
    Effect.gen(function* () {
      const six = yield* echo({ host: "::1" })
      expect(yield* Asking.outcome(yield* Asking.open(six.origin), "a")).toBe("a")
      expect(six.requests[0]?.head).toContain(`host: [::1]:`)
      // Of those that the name has here.
      const addresses = yield* Effect.promise(() => lookup("localhost", { all: true }))
      for (const { address } of addresses) {
        const { port } = new URL((yield* echo({ host: address })).origin)
        expect(yield* Asking.outcome(yield* Asking.open(`http://localhost:${port}`), "b")).toBe("b")
      }
    })
  )

  it.scopedLive("keeps no process alive that has nothing more to do", () =>
    Effect.gen(function* () {
      const main = fileURLToPath(new URL("fixtures/idleSockets.mjs", import.meta.url))
      if (!existsSync(fileURLToPath(new URL("../dist/internal/OriginSockets.js", import.meta.url)))) {
        throw new Error("The package is not built: npm run build")
      }
      const server = yield* echo()
      const said = yield* Effect.acquireUseRelease(
        Effect.sync(() => spawn(process.execPath, [main, server.origin], { stdio: ["ignore", "pipe", "inherit"] })),
        (child) =>
          Effect.async<string>((resume) => {
            let said = ""
            child.stdout.on("data", (chunk: Buffer) => (said += chunk.toString()))
            child.once("close", (code) => resume(Effect.succeed(`${said}${code}`)))
          }),
        (child) => Effect.sync(() => child.kill("SIGKILL"))
      )
      expect(said.split("\n").sort()).toEqual(["0", "answered", "not started"])
    })
  )
})
