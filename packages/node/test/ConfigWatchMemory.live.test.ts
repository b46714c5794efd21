/** What only a real heap shows: that a file which is followed for long is not followed in ever more room. */
import * as NodeContext from "@effect/platform-node/NodeContext"
import * as PlatformError from "@effect/platform/Error"
import { FileSystem } from "@effect/platform/FileSystem"
import { describe, expect, it } from "@effect/vitest"
import { ConfigWatch } from "@mooring/node"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { queryObjects } from "node:v8"

/** How many scopes there are in this process. */
const scopes = (): number => {
  function Scopes() {}
  Scopes.prototype = Object.getPrototypeOf(Effect.runSync(Scope.make()))
  return queryObjects(Scopes, { format: "count" })
}

describe("a file in a folder that cannot be watched", () => {
  it.live("takes no more room the longer that is tried", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem
      const path = `${yield* fs.makeTempDirectoryScoped()}/mooring.json`
      yield* fs.writeFileString(path, '{ "mcpServers": {} }')
      let tries = 0
      const watch = () => {
        tries++
        return Stream.fail(
          new PlatformError.SystemError({
            module: "FileSystem",
            method: "watch",
            reason: "Busy",
            pathOrDescriptor: path
          })
        )
      }
      const changes = ConfigWatch.changes(path, { every: "1 millis", quiet: "1 millis" })
      yield* Stream.runDrain(changes).pipe(Effect.provideService(FileSystem, { ...fs, watch }), Effect.forkScoped)
      yield* Effect.repeat(Effect.sleep("1 millis"), { until: () => tries >= 200 })
      // There are some dozens in any case. To count them takes seconds.
      expect(scopes()).toBeLessThan(150)
    }).pipe(Effect.scoped, Effect.provide(NodeContext.layer), Effect.timeout("50 seconds"))
  )
})
