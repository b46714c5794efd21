/**
 * Reads the text of a configuration or env file. A file that is merely found may be anything: only a regular file of
 * a sane size is read (a pipe would hang, a device never end), and only UTF-8 is taken for text.
 */
import { FileSystem } from "@effect/platform/FileSystem"
import type { PlatformError } from "@effect/platform/Error"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { parseEnv } from "node:util"

/** Bytes. Real files have a few kilobytes. */
const sizeLimit = 1_048_576

/** Fails with the reason, in words for people. */
export const read = (path: string): Effect.Effect<string, string, FileSystem> =>
  Effect.gen(function* () {
    const fs = yield* FileSystem
    const info = yield* Effect.mapError(fs.stat(path), reasonOf)
    if (info.type !== "File") {
      return yield* Effect.fail(`expected a file, found a ${info.type === "FIFO" ? "pipe" : info.type.toLowerCase()}`)
    }
    if (info.size > BigInt(sizeLimit)) return yield* Effect.fail(`is larger than ${sizeLimit} bytes`)
    const bytes = yield* Effect.mapError(fs.readFile(path), reasonOf)
    return yield* Effect.try({
      // Takes a byte order mark off too.
      try: () => new TextDecoder("utf-8", { fatal: true }).decode(bytes),
      catch: () => "is not UTF-8 text; save it as UTF-8"
    })
  })

export const reasonOf = (error: PlatformError): string => {
  if (error._tag === "BadArgument") return error.message
  switch (error.reason) {
    case "NotFound":
      return "there is no such file"
    case "PermissionDenied":
      return "permission denied; let this user read it"
    default:
      return error.message
  }
}

/** The variables of an env file: `NAME=value` lines, as `node --env-file` reads them. */
export const parseEnvFile = (text: string): Either.Either<ReadonlyMap<string, string>, string> => {
  const variables = new Map(
    Object.entries(parseEnv(text)).flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const]))
  )
  // A line without "=" becomes a part of the next line's name.
  const odd = [...variables.keys()].some((name) => !/^[\w.-]+$/.test(name))
  return odd ? Either.left("expected lines like NAME=value, found another") : Either.right(variables)
}
