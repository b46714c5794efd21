/**
 * A process of the benchmarks' own, spoken to by messages. It belongs to a scope; when that closes, it is told by a
 * disconnect, closes what it has open, and is waited for.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { type ChildProcess, fork } from "node:child_process"
import { fileURLToPath } from "node:url"

export interface Forked {
  /** Sends a message and waits for the next one from there. Not to be used twice at a time. */
  readonly ask: <A, I>(message: object | string, answer: Schema.Schema<A, I>) => Effect.Effect<A>
}

/** The file of another module of this package as Node can run it. */
export const fileOf = (module: string): string => fileURLToPath(new URL(`../${module}.js`, import.meta.url))

const Failure = Schema.Struct({ error: Schema.String })

/** Starts a module of this package, and waits for its first message. */
export const start = <A, I>(
  module: string,
  args: ReadonlyArray<string>,
  first: Schema.Schema<A, I>,
  /** Variables of its environment besides those of this process. */
  env: Readonly<Record<string, string>> = {}
): Effect.Effect<readonly [A, Forked], never, Scope.Scope> =>
  Effect.gen(function* () {
    const ended = yield* Deferred.make<never>()
    const child = yield* Effect.acquireRelease(
      Effect.sync(() => {
        const child = fork(fileOf(module), [...args], {
          stdio: ["ignore", "ignore", "inherit", "ipc"],
          env: { ...process.env, ...env }
        })
        const end = (how: unknown) =>
          Deferred.unsafeDone(ended, Effect.dieMessage(`${module} ${args[0] ?? ""} ended (${String(how)})`))
        child.once("exit", end)
        child.once("error", end)
        return child
      }),
      (child) => stop(child, ended)
    )
    const hear = <A, I>(answer: Schema.Schema<A, I>, say: () => void): Effect.Effect<A> => {
      const heard = Effect.async<unknown>((resume) => {
        const listener = (message: unknown) => resume(Effect.succeed(message))
        child.once("message", listener)
        say()
        return Effect.sync(() => child.off("message", listener))
      })
      return Effect.raceFirst(heard, Deferred.await(ended)).pipe(
        Effect.timeout("2 minutes"),
        Effect.flatMap((message) => Schema.decodeUnknown(Schema.Union(Failure, answer))(message)),
        Effect.flatMap((message) =>
          Schema.is(Failure)(message) ? Effect.dieMessage(message.error) : Effect.succeed(message)
        ),
        Effect.orDie
      )
    }
    const said = yield* hear(first, () => {})
    return [said, { ask: (message, answer) => hear(answer, () => child.send(message)) }] as const
  })

const stop = (child: ChildProcess, ended: Deferred.Deferred<never>): Effect.Effect<void> =>
  Effect.suspend(() => {
    if (child.connected) child.disconnect()
    return Effect.exit(Deferred.await(ended))
  }).pipe(
    // Closing a client may take as long as the grace that it gives to a server's process.
    Effect.interruptible,
    Effect.timeoutOption("15 seconds"),
    Effect.flatMap((exit) => Effect.sync(() => void (exit._tag === "None" && child.kill("SIGKILL"))))
  )
