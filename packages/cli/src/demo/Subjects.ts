/**
 * The five servers of the demo. All that they keep is in one temporary folder, which goes when the scope closes.
 *
 * @since 0.1.0
 */
import * as FileSystem from "@effect/platform/FileSystem"
import * as Path from "@effect/platform/Path"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import type * as Scope from "effect/Scope"
import { isDeepStrictEqual } from "node:util"
import { DemoError } from "../CliError.js"
import * as EverythingHttp from "./EverythingHttp.js"
import * as Installed from "./Installed.js"
import { expecting, type Probe, type Subject, textOf, traces } from "./Subject.js"

const echo = (text: string): Probe => ({
  tool: "echo",
  args: { message: text },
  wrong: expecting(`"Echo: ${text}"`, (result) => textOf(result) === `Echo: ${text}`)
})

const everything = (name: string, transport: "stdio" | "http", config: Subject["config"]): Subject => ({
  name,
  transport,
  config,
  measured: echo("ahoy"),
  load: (call) => echo(`${name} ${call}`)
})

const thought = (number: number): Probe => ({
  tool: "sequentialthinking",
  args: { thought: `Thought ${number}`, nextThoughtNeeded: true, thoughtNumber: number, totalThoughts: number + 1 },
  wrong: expecting(
    `thought ${number} of ${number + 1}`,
    ({ structuredContent: said }) =>
      said?.["thoughtNumber"] === number && said["totalThoughts"] === number + 1 && said["nextThoughtNeeded"] === true
  )
})

const known = { name: "harbour", entityType: "place", observations: ["deep enough for all"] }

const memory = (bin: string, file: string, fs: FileSystem.FileSystem): Subject => {
  const name = (call: number): string => `ship-${call}`
  return {
    name: "memory",
    transport: "stdio",
    config: { command: process.execPath, args: [bin], env: { MEMORY_FILE_PATH: file } },
    measured: {
      tool: "read_graph",
      args: {},
      wrong: expecting("the one known entity", ({ structuredContent }) =>
        isDeepStrictEqual(structuredContent, { entities: [known], relations: [] })
      )
    },
    load: (call) => {
      const entities = [{ name: name(call), entityType: "ship", observations: [`built as number ${call}`] }]
      return {
        tool: "create_entities",
        args: { entities },
        wrong: expecting("the entity that was made", ({ structuredContent }) =>
          isDeepStrictEqual(structuredContent, { entities })
        )
      }
    },
    verify: (outcomes) =>
      fs.readFileString(file).pipe(
        Effect.map((content) =>
          content
            .split("\n")
            .filter((line) => line !== "")
            .map((line): unknown => JSON.parse(line))
            .map((entity) => (Predicate.isRecord(entity) ? String(entity["name"]) : "?"))
            .filter((found) => found !== known.name)
        ),
        Effect.map((found) => traces("memory", outcomes, found, name)),
        Effect.catchAllCause((cause) => Effect.succeed([`memory: what it holds cannot be read: ${String(cause)}`]))
      )
  }
}

const end = "END OF THE LOG"

const filesystem = (bin: string, folder: string, path: Path.Path, fs: FileSystem.FileSystem): Subject => {
  const readme = path.join(folder, "harbour.txt")
  const log = path.join(folder, "log.txt")
  const line = (call: number): string => `entry ${call} made fast`
  return {
    name: "filesystem",
    transport: "stdio",
    config: { command: process.execPath, args: [bin, folder] },
    measured: {
      tool: "read_text_file",
      args: { path: readme },
      wrong: expecting("the known text", (result) => textOf(result) === known.observations.join())
    },
    // An append: run twice, it leaves two lines.
    load: (call) => ({
      tool: "edit_file",
      args: { path: log, edits: [{ oldText: end, newText: `${line(call)}\n${end}` }] },
      wrong: expecting(`a diff that adds "${line(call)}"`, (result) =>
        textOf(result)
          .split("\n")
          .includes(`+${line(call)}`)
      )
    }),
    verify: (outcomes) =>
      fs.readFileString(log).pipe(
        Effect.map((content) => content.split("\n").filter((found) => found !== "" && found !== end)),
        Effect.map((found) => traces("filesystem", outcomes, found, line)),
        Effect.catchAllCause((cause) => Effect.succeed([`filesystem: its log cannot be read: ${String(cause)}`]))
      )
  }
}

/**
 * The server whose process the demo kills: what its calls do can be counted afterwards, on disk, and each is written
 * in one step.
 *
 * @since 0.1.0
 * @category constants
 */
export const victim = "filesystem"

/**
 * Finds the installed servers, writes what they start from, and starts the one that is reached over HTTP.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<
  ReadonlyArray<Subject>,
  DemoError,
  FileSystem.FileSystem | Path.Path | EverythingHttp.Requirements | Scope.Scope
> = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const [everythingBin, memoryBin, filesystemBin, thinkingBin] = yield* Effect.all([
    Installed.script("@modelcontextprotocol/server-everything"),
    Installed.script("@modelcontextprotocol/server-memory"),
    Installed.script("@modelcontextprotocol/server-filesystem"),
    Installed.script("@modelcontextprotocol/server-sequential-thinking")
  ])
  const { folder, memoryFile } = yield* Effect.gen(function* () {
    const temporary = yield* fs.makeTempDirectoryScoped({ prefix: "mooring-demo-" })
    // Some systems reach their temporary folder through a link, which the filesystem server would refuse.
    const home = yield* fs.realPath(temporary)
    const served = path.join(home, "files")
    const graph = path.join(home, "memory.jsonl")
    yield* fs.makeDirectory(served)
    yield* fs.writeFileString(path.join(served, "harbour.txt"), known.observations.join())
    yield* fs.writeFileString(path.join(served, "log.txt"), `${end}\n`)
    yield* fs.writeFileString(graph, JSON.stringify({ type: "entity", ...known }))
    return { folder: served, memoryFile: graph }
  }).pipe(Effect.mapError((cause) => new DemoError({ reason: `No temporary folder: ${cause.message}`, cause })))
  const url = yield* EverythingHttp.start(everythingBin)
  return [
    everything("everything", "stdio", { command: process.execPath, args: [everythingBin] }),
    everything("everything-http", "http", { url }),
    memory(memoryBin, memoryFile, fs),
    filesystem(filesystemBin, folder, path, fs),
    {
      name: "sequential-thinking",
      transport: "stdio",
      config: { command: process.execPath, args: [thinkingBin] },
      measured: thought(1),
      load: (call) => thought(call + 1)
    }
  ]
})
