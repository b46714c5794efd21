/**
 * The everything server over Streamable HTTP, as a process of the demo's own on 127.0.0.1 and a free port. It ends
 * with the scope, and by itself if the demo is killed.
 *
 * @since 0.1.0
 */
import * as Command from "@effect/platform/Command"
import type * as CommandExecutor from "@effect/platform/CommandExecutor"
import * as Chunk from "effect/Chunk"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { DemoError } from "../CliError.js"
import * as Package from "../Package.js"

/** @since 0.1.0 @category models */
export type Requirements = CommandExecutor.CommandExecutor

const loopback = pathToFileURL(join(Package.root, "src", "demo", "loopback.mjs")).href

const failed = (reason: string, cause?: unknown): DemoError =>
  new DemoError({ reason: `The everything server did not start over HTTP: ${reason}`, cause })

/**
 * Starts it and gives the address of its MCP endpoint.
 *
 * @since 0.1.0
 * @category constructors
 */
export const start = (script: string): Effect.Effect<string, DemoError, Requirements | Scope.Scope> =>
  Effect.gen(function* () {
    const server = yield* Command.make(process.execPath, "--import", loopback, script, "streamableHttp").pipe(
      Command.start,
      Effect.mapError((cause) => failed(cause.message, cause))
    )
    const address = yield* Deferred.make<string, DemoError>()
    const lines = (stream: typeof server.stdout) => stream.pipe(Stream.decodeText(), Stream.splitLines)
    // Both are read to the end, or the server would come to a halt on a full pipe.
    yield* lines(server.stdout).pipe(
      Stream.runForEach((line) => {
        const found = /^listening on (http:\/\/127\.0\.0\.1:\d+)$/.exec(line)?.[1]
        return found === undefined ? Effect.void : Deferred.succeed(address, found)
      }),
      Effect.ignoreLogged,
      Effect.forkScoped
    )
    yield* lines(server.stderr).pipe(
      Stream.runCollect,
      Effect.flatMap((said) => Deferred.fail(address, failed(Chunk.takeRight(said, 10).pipe(Chunk.join("\n"))))),
      Effect.ignoreLogged,
      Effect.forkScoped
    )
    const found = yield* Deferred.await(address).pipe(
      Effect.timeoutFail({ duration: "20 seconds", onTimeout: () => failed("it did not listen within 20 s") })
    )
    return `${found}/mcp`
  })
