// Keeps a server that listens on all interfaces to this machine. Loaded ahead of it:
//
//   node --import <this file> <server>/dist/index.js streamableHttp
//
// Whatever TCP address the program wants to listen on, it gets 127.0.0.1 and a free port, and stdout says so with the
// line `listening on http://127.0.0.1:PORT`. When its stdin is a pipe, the program ends with that pipe: it cannot
// outlive whoever started it.
//
// An edge file: it runs inside another program, before it, and changes what `listen` does there.
import { Server, Socket } from "node:net"

const listen = Server.prototype.listen

Server.prototype.listen = function (...args) {
  const [first, second] = args
  const options = typeof first === "object" && first !== null ? first : {}
  const path = typeof first === "string" && !/^\d+$/.test(first) ? first : options.path
  const isSocket = path !== undefined || "fd" in options || "_handle" in options || "handle" in options
  // Pipes, and sockets that are open already, are on this machine or were meant.
  if (isSocket || typeof second === "object") return listen.apply(this, args)
  const callback = args.findLast((arg) => typeof arg === "function")
  this.once("listening", () => process.stdout.write(`listening on http://127.0.0.1:${this.address().port}\n`))
  return listen.call(this, { ...options, host: "127.0.0.1", port: 0 }, callback)
}

// A pipe is a socket to Node; a terminal is one too, and does not count.
const { stdin } = process
if (stdin instanceof Socket && !stdin.isTTY)
  stdin
    .resume()
    .once("close", () => process.exit(0))
    .unref()
