/**
 * Decompresses the body of a response as it comes, no faster than it is read. Owned by the flight that made it.
 */
import * as zlib from "node:zlib"

export interface Decoder {
  write(chunk: Uint8Array): void
  end(): void
  /** Nothing is told any more. */
  stop(): void
}

/** Where what is compressed comes from. */
export interface Source {
  pause(): void
  resume(): void
}

/** Who takes what was decompressed. */
export interface Reader {
  data(chunk: Uint8Array): void
  end(): void
  failed(error: Error): void
}

/** What a client that decompresses asks for. */
export const accepted = "gzip, deflate, br"

const makers: ReadonlyMap<string, () => zlib.Gunzip | zlib.BrotliDecompress> = new Map([
  ["gzip", zlib.createGunzip],
  ["x-gzip", zlib.createGunzip],
  ["deflate", zlib.createInflate],
  ["br", zlib.createBrotliDecompress]
])

/** The decoder of one encoding; none for what is not compressed, or in a way that was not asked for. */
export const decoderOf = (encoding: string | undefined, source: Source, reader: Reader): Decoder | undefined => {
  const stream = encoding === undefined ? undefined : makers.get(encoding.trim().toLowerCase())?.()
  if (stream === undefined) return undefined
  let stopped = false
  let begun = false
  /** The body is whole; what it decompresses to is, which may be told by less of it. */
  let whole = false
  let decoded = false
  stream.on("data", (chunk: Uint8Array) => {
    if (!stopped) reader.data(chunk)
  })
  stream.on("end", () => {
    decoded = true
    if (stopped) return
    if (whole) reader.end()
    // It takes no more, and does not say so.
    else source.resume()
  })
  stream.on("error", (error) => {
    if (!stopped) reader.failed(error)
  })
  stream.on("drain", () => {
    if (!stopped) source.resume()
  })
  return {
    write: (chunk) => {
      begun = true
      // It is read later, and the chunk is ours only now. What follows the end of what is compressed is nothing.
      if (!stopped && !decoded && !stream.write(Buffer.from(chunk))) source.pause()
    },
    end: () => {
      whole = true
      if (begun && !decoded) return void stream.end()
      // Of an empty body, nothing is compressed.
      stream.destroy()
      reader.end()
    },
    stop: () => {
      stopped = true
      stream.destroy()
    }
  }
}
