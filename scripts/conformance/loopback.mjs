// Keeps the servers of the conformance suite on this machine: they listen on all interfaces, and ask for the port in
// the same breath, so that `listen` with a host, which looks that up first, comes too late. Loaded ahead of the suite:
//
//   node --import <this file> <suite>/dist/index.js …
//
// What `listen` hands over in the end is not documented. So it is tried out first: a Node that does it another way
// starts nothing.
import { createServer, Server } from "node:net"

/** @typedef {(address: string | null, port: number | null, family: number | null, ...rest: Array<unknown>) => void} Bind */

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it is there, and no type says so
const prototype = /** @type {{ _listen2: Bind }} */ (/** @type {unknown} */ (Server.prototype))
const bind = prototype._listen2

prototype._listen2 = function (address, port, family, ...rest) {
  // Neither a pipe nor a socket that is open already has a port.
  const isTcp = typeof port === "number" && port >= 0
  return isTcp ? bind.call(this, "127.0.0.1", port, 4, ...rest) : bind.call(this, address, port, family, ...rest)
}

const trial = createServer().listen(0)
const bound = trial.address()
trial.close()
if (bound === null || typeof bound === "string" || bound.address !== "127.0.0.1") {
  throw new Error("this Node listens in a way that could not be kept to this machine")
}
