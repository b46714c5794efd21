/**
 * Names of servers and of whose connections these are. A `ServerKey` is what the pool is keyed by: two calls share
 * a connection only when all parts of it are the same. Values only; nothing here is acquired.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import * as Schema from "effect/Schema"

/**
 * The name of a configured MCP server, as it stands in the configuration.
 *
 * @since 0.1.0
 * @category models
 */
export const ServerId = Schema.NonEmptyString.pipe(Schema.brand("@mooring/mcp/ServerId"))

/**
 * @since 0.1.0
 * @category models
 */
export type ServerId = typeof ServerId.Type

/**
 * Whose connections these are: a tenant, a user, a conversation; any string of your own.
 * `sharedPartition` unless a server's isolation says otherwise. Never put a secret in it: it is shown in errors.
 *
 * @since 0.1.0
 * @category models
 */
export type Partition = string

/**
 * The partition of servers whose isolation is not `perPartition`.
 *
 * @since 0.1.0
 * @category models
 */
export const sharedPartition: Partition = "shared"

/**
 * What comes back to one connection: a conversation, a document, a run; any string of your own. See
 * `McpClient.Service.session`. Never put a secret in it: it is shown in errors.
 *
 * @since 0.1.0
 * @category models
 */
export type Affinity = string

/**
 * What the pool of connections is keyed by. Equal by value. Whose connections these are says the partition alone, and
 * credentials and quotas go by that; an affinity only sets one of them apart.
 *
 * @since 0.1.0
 * @category models
 */
export class ServerKey extends Data.Class<{
  readonly server: string
  readonly partition: Partition
  readonly affinity?: Affinity
}> {
  /** How the key is shown in errors, logs and events: `server`, `server/partition` when it is not shared, `…#affinity`. */
  override toString(): string {
    const whose = this.partition === sharedPartition ? this.server : `${this.server}/${this.partition}`
    return this.affinity === undefined ? whose : `${whose}#${this.affinity}`
  }
}

/**
 * The same server and partition, with a connection of its own.
 *
 * @since 0.1.0
 * @category constructors
 */
export const withAffinity = ({ partition, server }: ServerKey, affinity: Affinity): ServerKey =>
  new ServerKey({ server, partition, affinity })

/**
 * The key of all connections of the same server and partition that no affinity sets apart.
 *
 * @since 0.1.0
 * @category combinators
 */
export const withoutAffinity = (key: ServerKey): ServerKey =>
  key.affinity === undefined ? key : new ServerKey({ server: key.server, partition: key.partition })

/**
 * The key of a server whose connections every caller may share.
 *
 * @since 0.1.0
 * @category constructors
 */
export const shared = (server: string): ServerKey => new ServerKey({ server, partition: sharedPartition })

/**
 * What log lines about a key, or a connection of it, are annotated with, so that they can be filtered: `mcp.server`,
 * `mcp.partition` where it is not shared, and `mcp.connection`, the connection's number.
 *
 * @since 0.1.0
 * @category combinators
 */
export const logAnnotations = (key: ServerKey, connection?: number): Readonly<Record<string, unknown>> => ({
  "mcp.server": key.server,
  ...(key.partition === sharedPartition ? {} : { "mcp.partition": key.partition }),
  ...(connection === undefined ? {} : { "mcp.connection": connection })
})
