/**
 * Opens a socket to one origin, in the open or by TLS.
 *
 * An edge file: sockets, and the time that a connection may take, are the host's.
 */
import { connect as connectTcp, isIP, type OnReadOpts, type Socket } from "node:net"
import { connect as connectTls, type ConnectionOptions, createSecureContext, type SecureContext } from "node:tls"

/** Certificates as `node:tls` takes them. */
export type Certificates = Pick<ConnectionOptions, "ca" | "cert" | "key" | "passphrase">

/** What is dialled. It remembers the session of TLS, which the next socket takes up. */
export class Dial {
  private readonly host: string
  private readonly port: number
  private readonly secure: boolean
  private session: Buffer | undefined
  /** Made once: with authorities of one's own, that takes longer than all else of a connection. */
  private context: SecureContext | undefined

  constructor(
    origin: string,
    private readonly certificates: Certificates,
    /** Within how many milliseconds the connection must be there. */
    private readonly timeout: number
  ) {
    const { hostname, port, protocol } = new URL(origin)
    this.secure = protocol === "https:"
    this.host = hostname.replace(/^\[(.*)\]$/, "$1")
    this.port = port === "" ? (this.secure ? 443 : 80) : Number(port)
  }

  /**
   * Begins to connect. What goes wrong is an `error` of the socket; `connected` is called otherwise, once. Throws where
   * the certificates are none.
   */
  open(onread: OnReadOpts, connected: () => void): Socket {
    const { host, port, secure, timeout } = this
    const socket: Socket = secure ? connectTls(this.options(onread)) : connectTcp({ host, port, onread })
    if (secure) socket.on("session", (given: Buffer) => (this.session = given))
    socket.setNoDelay(true)
    socket.setKeepAlive(true, keepAliveDelay)
    const timer = setTimeout(() => socket.destroy(new TooSlow(timeout)), timeout)
    socket.once("close", () => clearTimeout(timer))
    socket.once(secure ? "secureConnect" : "connect", () => {
      clearTimeout(timer)
      connected()
    })
    return socket
  }

  // Node takes `onread` for these sockets, too, which its types do not say.
  private options(onread: OnReadOpts): ConnectionOptions & { readonly onread: OnReadOpts } {
    const { host, port, session } = this
    return {
      secureContext: (this.context ??= createSecureContext(this.certificates)),
      // An address is no name.
      ...(isIP(host) === 0 ? { servername: host } : {}),
      ...(session === undefined ? {} : { session }),
      ALPNProtocols: ["http/1.1"],
      host,
      port,
      onread
    }
  }
}

/** After how many milliseconds of silence the system asks whether the other side is still there. As `undici` does. */
const keepAliveDelay = 60_000

class TooSlow extends Error {
  readonly code = "ETIMEDOUT"

  constructor(millis: number) {
    super(`not connected within ${millis} ms`)
  }
}
