/**
 * A server as it is met across a continent: an HTTP server of these benchmarks behind TLS, and 25 ms away. Argument: the
 * address of that server. What is delayed is what would be on the wire, so the handshake of TLS takes its round trip, too;
 * that of TCP is waited for before anything else passes. The certificate is the one that the tests have.
 */
import { readFileSync } from "node:fs"
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net"
import { createServer as createTlsServer } from "node:tls"

const pem = (name: string) => readFileSync(new URL(`../../../testing/test/fixtures/tls/${name}.pem`, import.meta.url))

// Timers are of whole milliseconds: 12 one way and 13 the other.
const [there, back] = [12, 13]

const end = () => process.exit(0)
process.once("disconnect", end)
// Ctrl-C reaches the whole group: the clients that are still closing need it.
process.on("SIGINT", () => {})

const portOf = (server: Server): Promise<number> =>
  new Promise((resolve) => {
    // A server that listens on a port has an address with one.
    server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port))
  })

/** Both sides of a connection; one that ends or breaks ends the other. */
const join = (one: Socket, other: Socket, pass: (from: Socket, to: Socket) => void): void => {
  for (const [from, to] of [
    [one, other],
    [other, one]
  ] as const) {
    from.setNoDelay(true)
    from.on("error", () => to.destroy())
    from.on("close", () => to.destroy())
    pass(from, to)
  }
}

const { port } = new URL(process.argv[2] ?? "")
const secure = createTlsServer({ cert: pem("server"), key: pem("server.key") }, (socket) => {
  join(socket, connect(Number(port), "127.0.0.1"), (from, to) => from.pipe(to))
})
const securePort = await portOf(secure)

const wire = createServer({ pauseOnConnect: true }, (client) => {
  join(client, connect(securePort, "127.0.0.1"), (from, to) => {
    const late = (what: () => void) => setTimeout(what, from === client ? there : back)
    from.on("data", (chunk) => late(() => to.write(chunk)))
    from.on("end", () => late(() => to.end()))
  })
  setTimeout(() => client.resume(), there + back)
})
const wirePort = await portOf(wire)
if (process.connected) process.send?.({ url: `https://127.0.0.1:${wirePort}/mcp` })
else end()
