import { describe, expect, it } from "@effect/vitest"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync } from "node:fs"
import { connect, createServer } from "node:net"
import * as Held from "../src/calls/Held.js"

describe("what a process holds", () => {
  it("is counted: the processes below it, its TCP sockets, its memory at the peak", async () => {
    const before = Held.now()
    const server = createServer().listen(0, "127.0.0.1")
    await once(server, "listening")
    const address = server.address()
    const socket = connect(typeof address === "object" ? (address?.port ?? 0) : 0, "127.0.0.1")
    const [[other]] = await Promise.all([once(server, "connection"), once(socket, "connect")])
    // Its pipes are no TCP sockets; its own child is below this process, too.
    const child = spawn("sh", ["-c", "sleep 60 & echo; wait"], { stdio: ["pipe", "pipe", "pipe"], detached: true })
    await once(child.stdout, "data")
    const now = Held.now()
    expect(now.peakMiB).toBeGreaterThanOrEqual(before.peakMiB)
    const told = existsSync("/proc/self/status")
    expect(told ? (now.sockets ?? 0) - (before.sockets ?? 0) : now.sockets).toBe(told ? 3 : undefined)
    expect(told ? (now.processes ?? 0) - (before.processes ?? 0) : now.processes).toBe(told ? 2 : undefined)
    process.kill(-(child.pid ?? 0), "SIGKILL")
    socket.destroy()
    other.destroy()
    server.close()
    await once(child, "exit")
  })
})
