/**
 * The side of a subject's process: opens what is measured, then answers each message of its parent. It ends when its parent
 * disconnects or is gone, and only then: Ctrl-C reaches the whole group, and what it has opened must be closed first.
 */
import { describe } from "./Trouble.js"

/** What answers a message, until it is closed. */
export interface Answering {
  /** What the parent is told when it can be asked. */
  readonly says?: object
  readonly answer: (message: unknown) => Promise<object>
  readonly close: () => Promise<void>
}

/** A client that does not close in this time is left alone, with a server that sees its end. */
const closingMs = 10_000

export const serve = async (open: () => Promise<Answering>): Promise<void> => {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => {})
  const disconnected = new Promise<void>((resolve) => {
    // It may have happened while the imports were loading.
    if (process.connected) process.once("disconnect", resolve)
    else resolve()
  })
  void disconnected.then(() => setTimeout(() => process.exit(1), closingMs).unref())
  const tell = (message: object): void => {
    if (process.connected) process.send?.(message)
  }
  try {
    const { answer, close, says } = await open()
    process.on("message", (message) => {
      answer(message).then(tell, (error: unknown) => tell({ error: describe(error) }))
    })
    tell({ ...says, ready: true })
    await disconnected
    await close()
  } catch (error) {
    process.exitCode = 1
    process.stderr.write(`${describe(error)}\n`)
    if (process.connected) process.disconnect()
  }
}
