/**
 * A process of the benchmarks' own, spoken to by messages. It belongs to a scope; when that closes, it is told by a
 * disconnect, closes what it has open, and is waited for.
 */
import * as Deferred from "effect/Deferred"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { type ChildProcess, fork } from "node:child_process"
import { fileURLToPath } from "node:url"
import { lastError, Trouble } from "./Trouble.js"

export interface Forked {
  /** Sends a message and waits for the next one from there. Not to be used twice at a time. Dies of what goes wrong. */
  readonly ask: <A, I>(message: object | string, answer: Schema.Schema<A, I>) => Effect.Effect<A>
  /** The same, for a process that may not be able to. One that does not answer in time is killed. */
  readonly attempt: <A, I>(message: object | string, answer: Schema.Schema<A, I>) => Effect.Effect<A, Trouble>
}

export interface Options {
  /** Variables of its environment besides those of this process. */
  readonly env?: Readonly<Record<string, string>> | undefined
  /** Whether what it writes to stderr is shown. Default: it is. Kept back, it is part of the trouble when the process ends. */
  readonly shown?: boolean | undefined
  /** How long an answer may take. Default: 2 minutes. */
  readonly limit?: Duration.DurationInput | undefined
}

/** The built file of another module of this package; tests, which see its sources, have these run, too. */
export const fileOf = (module: string): string => fileURLToPath(new URL(`../../dist/${module}.js`, import.meta.url))

const Failure = Schema.Struct({ error: Schema.String })

/** Starts a module of this package, and waits for its first message. Dies of what goes wrong. */
export const start = <A, I>(
  module: string,
  args: ReadonlyArray<string>,
  first: Schema.Schema<A, I>,
  options?: Options
): Effect.Effect<readonly [A, Forked], never, Scope.Scope> => Effect.orDie(attempt(module, args, first, options))

/** Starts a module of this package that may not come so far as to say anything. */
export const attempt = <A, I>(
  module: string,
  args: ReadonlyArray<string>,
  first: Schema.Schema<A, I>,
  { env, limit = "2 minutes", shown = true }: Options = {}
): Effect.Effect<readonly [A, Forked], Trouble, Scope.Scope> =>
  Effect.gen(function* () {
    const ended = yield* Deferred.make<never, Trouble>()
    const child = yield* Effect.acquireRelease(
      Effect.sync(() => {
        const child = fork(fileOf(module), [...args], {
          stdio: ["ignore", "ignore", shown ? "inherit" : "pipe", "ipc"],
          env: { ...process.env, ...env }
        })
        const words = lastWords(child)
        const end = (how: unknown) => Deferred.unsafeDone(ended, new Trouble({ detail: `${String(how)}${words()}` }))
        child.once("exit", (code, signal) => {
          const how = () => end(`the process ended (${signal ?? `code ${code}`})`)
          // What it wrote last may still be under way, and a server that it has left behind may hold the pipe for ever.
          if (shown) return how()
          child.once("close", how)
          return setTimeout(how, 500).unref()
        })
        // A message to one that has just ended is one, too.
        child.on("error", end)
        return child
      }),
      (child) => stop(child, ended)
    )
    const hear = <A, I>(answer: Schema.Schema<A, I>, say: () => void): Effect.Effect<A, Trouble> => {
      const heard = Effect.async<unknown>((resume) => {
        const listener = (message: unknown) => resume(Effect.succeed(message))
        child.once("message", listener)
        say()
        return Effect.sync(() => child.off("message", listener))
      })
      return Effect.raceFirst(heard, Deferred.await(ended)).pipe(
        Effect.timeoutFail({
          duration: limit,
          onTimeout: () => {
            child.kill("SIGKILL")
            return new Trouble({ detail: `no answer within ${String(limit)}` })
          }
        }),
        Effect.flatMap((message) => Effect.orDie(Schema.decodeUnknown(Schema.Union(Failure, answer))(message))),
        Effect.flatMap((message) =>
          Schema.is(Failure)(message) ? Effect.fail(new Trouble({ detail: message.error })) : Effect.succeed(message)
        )
      )
    }
    const said = yield* hear(first, () => {})
    const forked: Forked = {
      ask: (message, answer) => Effect.orDie(forked.attempt(message, answer)),
      attempt: (message, answer) => hear(answer, () => child.send(message))
    }
    return [said, forked] as const
  })

const stop = (child: ChildProcess, ended: Deferred.Deferred<never, Trouble>): Effect.Effect<void> =>
  Effect.suspend(() => {
    if (child.connected) child.disconnect()
    return Effect.exit(Deferred.await(ended))
  }).pipe(
    // Closing a client may take as long as the grace that it gives to a server's process.
    Effect.interruptible,
    Effect.timeoutOption("15 seconds"),
    Effect.flatMap((exit) => Effect.sync(() => void (exit._tag === "None" && child.kill("SIGKILL")))),
    // A server that it has left behind may hold on to it.
    Effect.ensuring(Effect.sync(() => child.stderr?.destroy()))
  )

/** Gives the error that a process has written last to its stderr, where that is kept. */
const lastWords = ({ stderr }: ChildProcess): (() => string) => {
  let text = ""
  stderr?.setEncoding("utf8").on("data", (chunk: string) => (text = (text + chunk).slice(-4_000)))
  return () => (text === "" ? "" : `: ${lastError(text)}`)
}
