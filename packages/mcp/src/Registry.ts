/**
 * The servers of a running pool, as they are configured now. Whoever looks a server up gets a value that never changes;
 * when its configuration does, another value takes its place, and the old one says that it is over. Those who keep
 * something for each server are told of every change, in the step that makes it.
 *
 * @since 0.1.0
 */
import * as Either from "effect/Either"
import * as ConfigChange from "./ConfigChange.js"
import type { ConfigError } from "./McpError.js"
import type { Changes } from "./Reload.js"
import type { ServerConfig } from "./ServerConfig.js"
import { make, type Server, type Servers } from "./Servers.js"

/**
 * What happened to one server.
 *
 * @since 0.1.0
 * @category models
 */
export interface ServerChange {
  readonly name: string
  readonly kind: "Added" | "Removed" | "Resized" | "Replaced"
  /** Absent for one that was added. */
  readonly before: Server | undefined
  /** Absent for one that was removed. */
  readonly after: Server | undefined
  /** Its keys name other connections than before, or none: whoever has one of them has to look the server up again. */
  readonly rekeyed: boolean
}

/**
 * A change that was checked, and not made yet.
 *
 * @since 0.1.0
 * @category models
 */
export interface Plan {
  readonly servers: ReadonlyMap<string, Server>
  readonly changes: ReadonlyArray<ServerChange>
  readonly summary: Changes
}

/**
 * @since 0.1.0
 * @category models
 */
export class Registry implements Servers {
  private readonly hooks = new Set<(change: ServerChange) => void>()
  private byName: ReadonlyMap<string, Server>
  names: ReadonlyArray<string>

  constructor(first: Servers) {
    this.byName = new Map([...first.values()].map((server) => [server.name, server]))
    this.names = first.names
  }

  readonly get = (name: string): Server | undefined => this.byName.get(name)

  readonly values = (): Iterable<Server> => this.byName.values()

  /** The configurations as they are now. */
  get configs(): Readonly<Record<string, ServerConfig>> {
    // `fromEntries` makes a server called `__proto__` one like any other.
    return Object.fromEntries([...this.byName].map(([name, { config }]) => [name, config]))
  }

  /** Checks the configurations of all servers, and compares them with those of now. Changes nothing. */
  plan(configs: Readonly<Record<string, ServerConfig>>): Either.Either<Plan, ConfigError> {
    return Either.map(make(configs, this.get), (next) => {
      const servers = new Map<string, Server>()
      const changes: Array<ServerChange> = []
      const lists = { Added: new Array<string>(), Removed: new Array<string>(), Resized: new Array<string>() }
      const summary = { ...lists, Replaced: new Array<string>(), Kept: new Array<string>() }
      for (const after of next.values()) {
        const { name } = after
        const before = this.byName.get(name)
        const kind = before === undefined ? "Added" : ConfigChange.between(before.config, after.config)
        summary[kind].push(name)
        servers.set(name, kind === "Kept" && before !== undefined ? before : after)
        if (kind !== "Kept") changes.push({ name, kind, before, after, rekeyed: isRekeyed(before, after) })
      }
      for (const [name, before] of this.byName) {
        if (servers.has(name)) continue
        summary.Removed.push(name)
        changes.push({ name, kind: "Removed", before, after: undefined, rekeyed: true })
      }
      const { Added: added, Kept: kept, Removed: removed, Replaced: replaced, Resized: resized } = summary
      return { servers, changes, summary: { added, removed, resized, replaced, kept } }
    })
  }

  /** From now on, the servers are those of the plan. What is given back undoes it, for as long as nobody was told. */
  enter({ changes, servers }: Plan): () => void {
    const { byName, names } = this
    const mark = (isCurrent: boolean) => {
      for (const { before } of changes) if (before !== undefined) (before as Mutable<Server>).isCurrent = isCurrent
    }
    this.byName = servers
    this.names = [...servers.keys()]
    mark(false)
    return () => {
      this.byName = byName
      this.names = names
      mark(true)
    }
  }

  /** Tells those who keep something for each server. */
  tell({ changes }: Plan): void {
    for (const change of changes) for (const hook of this.hooks) hook(change)
  }

  /** Calls `hook` with every change, synchronously; it must not throw. What is given back ends it. */
  readonly onChange = (hook: (change: ServerChange) => void): (() => void) => {
    this.hooks.add(hook)
    return () => this.hooks.delete(hook)
  }
}

type Mutable<A> = { -readonly [K in keyof A]: A[K] }

const isRekeyed = (before: Server | undefined, after: Server): boolean =>
  before !== undefined && isPartitioned(before) !== isPartitioned(after)

const isPartitioned = ({ settings }: Server): boolean => settings.isolation === "perPartition"
