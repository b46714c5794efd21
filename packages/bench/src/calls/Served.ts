/**
 * The side of a subject's process: opens what is measured, then answers each message of its parent. It ends when its parent
 * disconnects or is gone, and only then: Ctrl-C reaches the whole group, and what it has opened must be closed first.
 */

/** What answers a message, until it is closed. */
export interface Answering {
  readonly answer: (message: unknown) => Promise<object>
  readonly close: () => Promise<void>
}

export const serve = async (open: () => Promise<Answering>): Promise<void> => {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => {})
  const disconnected = new Promise<void>((resolve) => {
    // It may have happened while the imports were loading.
    if (process.connected) process.once("disconnect", resolve)
    else resolve()
  })
  const tell = (message: object): void => {
    if (process.connected) process.send?.(message)
  }
  try {
    const { answer, close } = await open()
    process.on("message", (message) => {
      answer(message).then(tell, (error: unknown) =>
        tell({ error: error instanceof Error ? error.stack : String(error) })
      )
    })
    tell({ ready: true })
    await disconnected
    await close()
  } catch (error) {
    process.exitCode = 1
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`)
    if (process.connected) process.disconnect()
  }
}
