/**
 * Server and client are killed at every point of a call, down to the byte. Whatever the moment, the server's own ledger
 * shows that the call ran once or not at all, and that what the client said of it is true.
 */
import { describe, expect, it } from "@effect/vitest"
import { McpClient, McpTool, Reconciled } from "@mooring/mcp"
import { ChildProcess, NodeMcp } from "@mooring/node"
import { Resources } from "@mooring/testing/node"
import { Deferred, Effect, Schedule, Schema, type Scope } from "effect"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))

/** When the first process of the server kills, as `fixtures/killing.mjs` has it. */
type Moment =
  | { readonly victim: "server" | "client"; readonly read: number }
  | { readonly victim: "server" | "client"; readonly answered: number }

interface Entry {
  readonly pid: number
  readonly event: "start" | "run"
  readonly id?: string
}

class Killing {
  private readonly folder = mkdtempSync(join(tmpdir(), "mooring-killing-"))

  static make(moment: Moment): Effect.Effect<Killing, never, Scope.Scope> {
    return Effect.acquireRelease(
      Effect.sync(() => new Killing(moment)),
      ({ folder }) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
    )
  }

  private constructor(private readonly moment: Moment) {}

  get config() {
    const args = [path("fixtures/killing.mjs"), this.folder, JSON.stringify(this.moment)]
    return { command: process.execPath, args }
  }

  get ledger(): ReadonlyArray<Entry> {
    const text = readFileSync(join(this.folder, "ledger"), "utf8")
    return text
      .trim()
      .split("\n")
      .map((line): Entry => JSON.parse(line))
  }

  runs(id: string): number {
    return this.ledger.filter((entry) => entry.event === "run" && entry.id === id).length
  }

  /** Ends when none of its processes runs any more. */
  get ended(): Effect.Effect<void> {
    const running = Effect.sync(() => this.ledger.some(({ pid }) => Resources.isRunning(pid, this.folder)))
    return Effect.asVoid(Effect.repeat(running, { while: (is) => is, schedule: Schedule.spaced("10 millis") }))
  }
}

/** `npm run test:long` leaves out no byte. */
const everyByte = process.env["MOORING_FAULTS"] !== undefined

/** Bytes of the answer: with one more digit or letter in it, the last is beyond its end, which changes nothing. */
const answer = JSON.stringify({
  jsonrpc: "2.0",
  id: 1_000_000_000,
  result: { content: [], structuredContent: { id: "killed" } }
})
const answered = Array.from({ length: answer.length + 2 }, (_, bytes) => bytes).filter(
  (bytes) => everyByte || bytes % 12 === 0 || bytes >= answer.length - 4
)

describe("a call whose server is killed runs at most once, and its caller is told the truth", () => {
  /** Calls a server that dies at that moment of the first call; `filler` makes that call so much longer. */
  const killed = (moment: Moment, filler = 0) =>
    Effect.gen(function* () {
      const server = yield* Killing.make(moment)
      yield* Effect.gen(function* () {
        const mcp = yield* McpClient.McpClient
        const args = { id: "killed", filler: "x".repeat(filler) }
        const outcome = yield* mcp
          .callTool("killing", "run", args)
          .pipe(Effect.match({ onSuccess: () => "answered", onFailure: (error) => error._tag }))
        const runs = server.runs("killed")
        expect(["answered", "OutcomeUnknown"], outcome).toContain(outcome)
        expect(runs).toBeLessThanOrEqual(1)
        if (outcome === "answered") expect(runs).toBe(1)

        const again = yield* mcp.callTool("killing", "run", { id: "again", filler: "" }, { mayRunTwice: true })
        expect(again.structuredContent).toEqual({ id: "again" })
        expect(server.runs("killed")).toBe(runs)
      }).pipe(Effect.provide(NodeMcp.layer({ servers: { killing: server.config } })))
      yield* server.ended
    }).pipe(Effect.scoped)

  it.live(
    "after so many bytes of its answer",
    () =>
      Effect.forEach(answered, (bytes) => killed({ victim: "server", answered: bytes }), { discard: true }).pipe(
        Resources.givenBack()
      ),
    600_000
  )

  it.live("after it has read so much of the call, a part or all of it", () =>
    Effect.forEach([1, 50, 10_000], (read) => killed({ victim: "server", read }), { discard: true }).pipe(
      Resources.givenBack()
    )
  )

  it.live("while the client still writes a call that is longer than a pipe holds", () => {
    const pipe = 64 * 1024
    const bytes = [1, pipe - 1, pipe, pipe + 1, 3 * pipe, 8 * pipe]
    return Effect.forEach(bytes, (read) => killed({ victim: "server", read }, 10 * pipe), { discard: true }).pipe(
      Resources.givenBack()
    )
  })

  it.live("with permission it is run again, and answered", () =>
    Effect.forEach(
      [0, 40],
      (bytes) =>
        Effect.gen(function* () {
          const server = yield* Killing.make({ victim: "server", answered: bytes })
          const call = Effect.flatMap(McpClient.McpClient, (mcp) =>
            mcp.callTool("killing", "run", { id: "killed" }, { mayRunTwice: true })
          )
          const found = yield* Effect.provide(call, NodeMcp.layer({ servers: { killing: server.config } }))
          expect(found.structuredContent).toEqual({ id: "killed" })
          expect(server.runs("killed")).toBe(2)
        }).pipe(Effect.scoped),
      { discard: true }
    )
  )
})

describe("a call whose server is killed, of a tool that can find out", () => {
  const Find = McpTool.make("find", {
    parameters: { id: Schema.String },
    success: McpTool.structured(Schema.Struct({ ran: Schema.Boolean }))
  })
  const Run = McpTool.make("run", {
    parameters: { id: Schema.String, filler: Schema.String },
    success: McpTool.structured(Schema.Struct({ id: Schema.String })),
    reconcile: ({ id }, _failure, server) =>
      Effect.map(server.call(Find, { id }), ({ ran }) =>
        ran ? Reconciled.Ran({ result: { id } }) : Reconciled.DidNotRun
      )
  })

  it.live("has its result, and has run once, at whatever moment the server dies", () =>
    Effect.forEach(
      [
        ...answered.map((bytes): readonly [Moment, number] => [{ victim: "server", answered: bytes }, 0]),
        ...[1, 64 * 1024, 256 * 1024].map((read): readonly [Moment, number] => [{ victim: "server", read }, 640 * 1024])
      ],
      ([moment, filler]) =>
        Effect.gen(function* () {
          const server = yield* Killing.make(moment)
          const call = Effect.flatMap(McpClient.McpClient, (mcp) =>
            mcp.call("killing", Run, { id: "killed", filler: "x".repeat(filler) })
          )
          const found = yield* Effect.provide(call, NodeMcp.layer({ servers: { killing: server.config } }))
          expect(found).toEqual({ id: "killed" })
          expect(server.runs("killed")).toBe(1)
        }).pipe(Effect.scoped),
      { discard: true }
    )
  )
})

describe("a call whose client is killed runs at most once, and no server outlives its client", () => {
  const moments: Readonly<Record<string, Moment>> = {
    "when the server has read it": { victim: "client", read: 100_000 },
    "when the server has run it": { victim: "client", answered: 0 },
    "when the server has written half of its answer": { victim: "client", answered: 40 },
    "when the server has answered": { victim: "client", answered: 10_000 }
  }

  for (const [title, moment] of Object.entries(moments)) {
    it.live(title, () =>
      Effect.gen(function* () {
        const server = yield* Killing.make(moment)
        const application = yield* ChildProcess.open({
          command: process.execPath,
          args: [path("../programs/application.mjs"), JSON.stringify(server.config)],
          env: { PATH: process.env["PATH"] ?? "" },
          close: { afterStdinEnd: 0, afterSigterm: 0 }
        })
        application.stdout.resume()
        application.stderr.pipe(process.stderr, { end: false })
        yield* Deferred.await(application.exited)
        yield* server.ended
        // The application calls its tool with this first.
        expect(server.runs("answered")).toBe(1)
        // The next one, if it was answered before it was killed.
        expect(server.runs("running")).toBeLessThanOrEqual(1)
      }).pipe(Effect.scoped, Resources.givenBack())
    )
  }
})
