/**
 * The servers of a configuration file, and what becomes of them while the program runs. The folders that the file is
 * reached through are watched: that of the file, and of every symbolic link on the way, so that whatever an editor, a
 * deployment or Kubernetes does to change it is seen (writing over it, renaming another file over it, deleting it and
 * making it again, turning a link to another place). The watches end with the scope of the stream.
 *
 * @since 0.1.0
 */
import { FileSystem, type File } from "@effect/platform/FileSystem"
import { Path } from "@effect/platform/Path"
import { McpError, type ServerConfig } from "@mooring/mcp"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import * as ConfigFile from "./ConfigFile.js"

/**
 * How a file is watched.
 *
 * @since 0.1.0
 * @category models
 */
export interface Settings {
  /**
   * How long nothing must have happened where the file is before it is read: who writes it in pieces has ended then.
   * What is wrong is told only when it stays so for five times as long. Default 100 milliseconds.
   */
  readonly quiet?: Duration.DurationInput | undefined
  /**
   * How often the file is read though nothing was heard, since not every file system tells (of a network, of a
   * container). What is the same as before costs a comparison. Default 10 seconds.
   */
  readonly every?: Duration.DurationInput | undefined
}

/**
 * What a file says: servers by name, or what is wrong with it.
 *
 * @since 0.1.0
 * @category models
 */
export type Said = Readonly<Record<string, ServerConfig.ServerConfig>> | McpError.ConfigError

/**
 * The servers of the file now, and whenever its text, or that of an env file that it names, has changed; for
 * `McpPool.layerStream`. What is wrong with it is an element, too: a `ConfigError` that names the file and the place in
 * it, once until something else is wrong. Trusts the file as `ConfigFile.load` does: only for one that the program or
 * its user named. `${…}` is replaced by what the current `ConfigProvider` has then.
 *
 * @since 0.1.0
 * @category constructors
 */
export const changes = (
  path: string,
  { every = "10 seconds", only, quiet = "100 millis" }: Settings & ConfigFile.Selection = {}
): Stream.Stream<Said, never, FileSystem | Path> =>
  Stream.unwrapScoped(
    Effect.gen(function* () {
      const absolute = (yield* Path).resolve(path)
      const heard = yield* Queue.sliding<void>(1)
      const watches = yield* makeWatches(heard)
      let sources: ReadonlyArray<string> = [absolute]
      let last = ""

      /** What is said now, unless it was said before. */
      const look = Effect.gen(function* () {
        yield* watches.over(sources)
        const opened = yield* Effect.either(ConfigFile.open(absolute))
        const now = Either.match(opened, {
          onLeft: ({ message }) => `wrong\0${message}`,
          onRight: ({ content }) => `read\0${content}`
        })
        if (now === last) return Option.none<Said>()
        last = now
        if (Either.isLeft(opened)) return Option.some<Said>(opened.left)
        const file = opened.right
        sources = file.sources
        yield* watches.over(sources)
        yield* ConfigFile.warn(file)
        const servers = yield* Effect.either(ConfigFile.servers(file, { only }))
        // `fromEntries` makes a server called `__proto__` one like any other.
        return Option.some<Said>(Either.isLeft(servers) ? servers.left : Object.fromEntries(servers.right))
      })

      const heardWithin = (time: Duration.DurationInput) =>
        Effect.map(Effect.timeoutOption(Queue.take(heard), time), Option.isSome)
      // Where something happens all the time, the file is read all the same.
      const settled = Effect.repeat(heardWithin(quiet), { while: (event) => event, times: 20 })
      const patience = Duration.times(quiet, 5)

      /** What is wrong may be half of what will be right. */
      const confirmed = (
        said: Option.Option<Said>,
        times: number
      ): Effect.Effect<Option.Option<Said>, never, FileSystem | Path> =>
        Effect.gen(function* () {
          if (times === 0 || Option.isNone(said) || !(said.value instanceof McpError.ConfigError)) return said
          if (!(yield* heardWithin(patience))) return said
          yield* settled
          return yield* confirmed(
            Option.orElse(yield* look, () => said),
            times - 1
          )
        })

      const next = heardWithin(every).pipe(
        Effect.tap((event) => (event ? settled : Effect.void)),
        Effect.zipRight(look),
        Effect.flatMap((said) => confirmed(said, 20))
      )
      return Stream.concat(Stream.fromEffect(look), Stream.repeatEffect(next)).pipe(Stream.filterMap((said) => said))
    })
  )

/** The watches of folders, each for as long as it is that folder. */
const makeWatches = (heard: Queue.Enqueue<void>) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem
    const paths = yield* Path
    const scope = yield* Effect.scope
    const watched = new Map<string, Fiber.RuntimeFiber<void>>()
    /** Those of the folders that are wanted now that have been watched before, or could not be. */
    const known = new Set<string>()

    const watch = (id: string, folder: string) =>
      Effect.gen(function* () {
        const listening = Stream.runForEach(fs.watch(folder), () => Queue.offer(heard, undefined)).pipe(
          Effect.catchAllCause((cause) =>
            Effect.logDebug(`"${folder}" cannot be watched; what is in it is read from time to time`, cause)
          ),
          // It is begun anew with the next look.
          Effect.ensuring(Effect.sync(() => watched.delete(id)))
        )
        watched.set(id, yield* Effect.forkIn(listening, scope))
        if (known.has(id)) return
        known.add(id)
        // What happened just before it began is seen by another look.
        yield* Queue.offer(heard, undefined)
      })

    const over = (files: ReadonlyArray<string>) =>
      Effect.gen(function* () {
        const folders = new Set<string>()
        for (const file of files) for (const folder of yield* foldersOf(fs, paths, file)) folders.add(folder)
        const wanted = new Map<string, string>()
        for (const folder of folders) {
          const info = yield* Effect.option(fs.stat(folder))
          if (Option.isSome(info)) wanted.set(identityOf(folder, info.value), folder)
        }
        for (const [id, own] of [...watched]) if (!wanted.has(id)) yield* Fiber.interrupt(own)
        for (const id of known) if (!wanted.has(id)) known.delete(id)
        for (const [id, folder] of wanted) if (!watched.has(id)) yield* watch(id, folder)
      })

    return { over }
  })

/** A folder that was made anew has the old one's name, and nobody watches it. */
const identityOf = (folder: string, { birthtime, dev, ino }: File.Info): string =>
  JSON.stringify([
    folder,
    dev,
    Option.getOrElse(ino, () => 0),
    Option.getOrElse(
      Option.map(birthtime, (at) => at.getTime()),
      () => 0
    )
  ])

/** The folders in which something happens when another file is to be read by this path. */
const foldersOf = (fs: FileSystem, paths: Path, file: string): Effect.Effect<ReadonlyArray<string>> =>
  Effect.gen(function* () {
    const folders: Array<string> = []
    const split = (path: string) => path.slice(paths.parse(path).root.length).split(paths.sep).filter(Boolean)
    let at = paths.parse(file).root
    const rest = split(file)
    let links = 0
    for (let name = rest.shift(); name !== undefined; name = rest.shift()) {
      const next = paths.join(at, name)
      const link = yield* Effect.option(fs.readLink(next))
      if (Option.isNone(link) || links === mostLinks) {
        at = next
        continue
      }
      links++
      folders.push(at)
      const target = paths.resolve(at, link.value)
      at = paths.parse(target).root
      rest.unshift(...split(target))
    }
    // Where its folder is gone, it may come again.
    let folder = paths.dirname(at)
    while (!(yield* Effect.orElseSucceed(fs.exists(folder), () => false)) && paths.dirname(folder) !== folder) {
      folder = paths.dirname(folder)
    }
    return [...folders, folder]
  })

/** As many as Linux follows. */
const mostLinks = 40
