import { expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import * as Books from "../src/scenes/Books.js"
import { connect } from "../src/subjects/sdkHeld.js"

const startsMs = 200

it.live("a server whose work is known can start late, and says what it has used when it is told to end", () =>
  Effect.gen(function* () {
    const books = yield* Books.make({ takesMs: 0, oneAtATime: false, startsMs })
    const client = yield* Effect.promise(() => connect(books.stdio))
    const closed = new Promise<void>((resolve) => (client.onclose = resolve))
    const answer = yield* Effect.promise(() => client.callTool({ name: "echo", arguments: { text: "hello" } }))
    const [pid] = yield* books.processes
    expect(answer).toMatchObject({ content: [{ text: "hello" }], _meta: { pid } })
    expect((yield* books.sums).cpuMs).toBeUndefined()
    process.kill(Number(pid), "SIGTERM")
    yield* Effect.promise(() => closed)
    const sums = yield* books.sums
    expect(sums).toMatchObject({ processes: 1, handshakes: 1, runs: 1 })
    expect(sums.cpuMs).toBeGreaterThan(0)
    const [started, ran] = readFileSync(join(books.folder, "ledger"), "utf8")
      .split("\n")
      .flatMap((line) => (/"event":"(start|run)"/.test(line) ? [Number(/"at":(\d+)/.exec(line)?.[1])] : []))
    // A timer may be a moment early by another clock.
    expect(Number(ran) - Number(started)).toBeGreaterThan(startsMs - 5)
  }).pipe(Effect.scoped)
)
