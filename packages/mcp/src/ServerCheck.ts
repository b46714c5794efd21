/**
 * Checks what one server was given, wherever it came from: the schema of `ServerConfig`, then what a schema does not
 * say (an address that is one, text that can be passed on, settings that fit together).
 *
 * @since 0.1.0
 */
import { PoolConfig } from "@mooring/pool"
import * as Arr from "effect/Array"
import * as Duration from "effect/Duration"
import * as Either from "effect/Either"
import * as Predicate from "effect/Predicate"
import * as Schedule from "effect/Schedule"
import { check, type ConfigIssue, type ConfigPath, didYouMean, found } from "./ConfigIssue.js"
import * as ServerConfig from "./ServerConfig.js"

type Issues = Arr.NonEmptyReadonlyArray<ConfigIssue>

/**
 * A server that a program gave: keys that are not known are refused, since all of them are ours.
 *
 * @since 0.1.0
 * @category combinators
 */
export const server = (value: unknown, path: ConfigPath): Either.Either<ServerConfig.ServerConfig, Issues> => {
  if (!Predicate.isRecord(value)) {
    return Either.left([{ path, reason: `expected an object, found ${found(value)}` }])
  }
  const stdio = Object.hasOwn(value, "command")
  const http = Object.hasOwn(value, "url")
  if (stdio === http) return Either.left([{ path, reason: reach(value) }])
  const config: Either.Either<ServerConfig.ServerConfig, Issues> = stdio
    ? check(ServerConfig.StdioServer, value, path, { unknownKeys: "refuse" })
    : typeof value["headers"] === "function"
      ? check(ServerConfig.HttpServer, value, path, { unknownKeys: "refuse" })
      : // Says which header is wrong; of two kinds of headers, an issue would only say that it is neither.
        check(ServerConfig.FixedHttpServer, value, path, { unknownKeys: "refuse" })
  return Either.flatMap(config, (checked) => {
    const issues = rules(checked).map((issue) => ({ ...issue, path: [...path, ...issue.path] }))
    return Arr.isNonEmptyReadonlyArray(issues) ? Either.left(issues) : Either.right(checked)
  })
}

/**
 * Why it is not clear how a server is reached. `ways` are the names of fields that would say it.
 *
 * @since 0.1.0
 * @category combinators
 */
export const reach = (value: object, ways: ReadonlyArray<string> = ["command", "url"]): string => {
  const keys = Object.keys(value)
  const said = keys.filter((key) => ways.includes(key))
  if (said.length > 1)
    return `expected one way to reach the server, found ${said.map((key) => `"${key}"`).join(" and ")}`
  const hints = keys.map((key) => didYouMean(key, ways))
  return `expected "command" (a program to start) or "url" (an HTTP address), found neither${hints.find((hint) => hint !== "") ?? ""}`
}

/**
 * What the schema does not say. Paths are relative to the server.
 *
 * @since 0.1.0
 * @category combinators
 */
export const rules = (config: ServerConfig.ServerConfig): ReadonlyArray<ConfigIssue> => {
  const issues: Array<ConfigIssue> = []
  const text = (value: string, ...path: ConfigPath) => {
    if (value.includes("\0")) issues.push({ path, reason: "expected text without NUL characters" })
  }
  if (ServerConfig.isStdio(config)) {
    text(config.command, "command")
    config.args?.forEach((argument, index) => text(argument, "args", index))
    if (config.cwd !== undefined) text(config.cwd, "cwd")
    for (const [name, value] of Object.entries(config.env ?? {})) {
      if (!/^[^=\0]+$/.test(name)) issues.push({ path: ["env", name], reason: "is not the name of a variable" })
      text(ServerConfig.reveal(value), "env", name)
    }
  } else {
    const issue = address(config.url)
    if (issue !== undefined) issues.push({ path: ["url"], reason: issue })
    issues.push(...headers(ServerConfig.configuredHeaders(config)))
    if (issue === undefined && config.allowInsecure !== true && !isPrivate(config.url) && hasCredential(config)) {
      issues.push({
        path: ["url"],
        reason:
          "expected https://, since credentials would cross the network readable; " +
          "if that network is safe, set allowInsecure: true for this server"
      })
    }
  }
  if (config.isolation === "exclusive" && (config.concurrency ?? 1) !== 1) {
    const reason = `expected 1, as isolation "exclusive" means, found ${config.concurrency}`
    issues.push({ path: ["concurrency"], reason })
  }
  const { catalogueRefresh, mayAsk, rateLimit } = config
  for (const [at, question] of mayAsk?.entries() ?? []) {
    if (!question.startsWith("sampling.") || mayAsk?.includes("sampling") === true) continue
    issues.push({ path: ["mayAsk", at], reason: `expected "sampling" besides "${question}"` })
  }
  if (config.required === true && config.isolation === "perPartition") {
    const reason = 'expected false with isolation "perPartition": at the start there is no partition to connect for'
    issues.push({ path: ["required"], reason })
  }
  if (config.required === true && config.min === 0) {
    issues.push({ path: ["min"], reason: "expected at least 1, since the server is required, found 0" })
  }
  if (
    rateLimit !== undefined &&
    !(Duration.toMillis(rateLimit.per) > 0 && Duration.toMillis(rateLimit.per) < Infinity)
  ) {
    issues.push({ path: ["rateLimit", "per"], reason: "expected a duration above 0 that ends" })
  }
  if (catalogueRefresh !== undefined && !Schedule.isSchedule(catalogueRefresh)) {
    if (Duration.lessThan(catalogueRefresh, "1 second")) {
      issues.push({ path: ["catalogueRefresh"], reason: "expected at least 1 second" })
    }
  }
  const { max, maxIdle, min } = ServerConfig.resolve(config)
  // The pool has the rules of its own settings; our schema has looked at each of them by itself.
  const pool = PoolConfig.resolve({ max, maxIdle, min })
  if (Either.isLeft(pool)) issues.push({ path: [pool.left.field], reason: pool.left.reason })
  return issues
}

/**
 * Headers that HTTP cannot carry. No issue shows a value.
 *
 * @since 0.1.0
 * @category combinators
 */
export const headers = (values: ServerConfig.HeaderValues): ReadonlyArray<ConfigIssue> =>
  Object.entries(values).flatMap(([name, value]) => {
    const path = ["headers", name]
    // https://www.rfc-editor.org/rfc/rfc9110#section-5.6.2
    if (!/^[\w!#$%&'*+.^`|~-]+$/.test(name)) return [{ path, reason: "is not the name of a header" }]
    return /^[\t\x20-\x7e\x80-\xff]*$/.test(ServerConfig.reveal(value))
      ? []
      : [{ path, reason: "expected text without line breaks and other characters that no header can hold" }]
  })

/** Whether requests carry what others must not read: anything computed or redacted, or of such a name. */
const hasCredential = ({ headers, url: text }: ServerConfig.HttpServer): boolean => {
  const url = new URL(text)
  return (
    typeof headers === "function" ||
    url.username !== "" ||
    url.password !== "" ||
    [...url.searchParams.keys()].some((name) => confidential.test(name)) ||
    Object.entries(headers ?? {}).some(([name, value]) => typeof value !== "string" || confidential.test(name))
  )
}

const confidential = /auth|cookie|credential|key|pass|secret|session|signature|token/i

/** Whether what is sent there is encrypted, or stays on this machine. */
const isPrivate = (text: string): boolean => {
  const url = new URL(text)
  return url.protocol === "https:" || isLoopback(url.hostname)
}

/**
 * Whether a host, as a `URL` has it, is this machine. Names below `localhost` are not: browsers know them, but the
 * resolver of a system may ask the network for them.
 *
 * @since 0.1.0
 * @category combinators
 */
export const isLoopback = (hostname: string): boolean => /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname)

const address = (text: string): string | undefined => {
  const expected = "expected an address that begins with http:// or https://"
  if (!URL.canParse(text)) return `${expected}, found one that begins with neither`
  const scheme = new URL(text).protocol
  return scheme === "http:" || scheme === "https:" ? undefined : `${expected}, found one that begins with ${scheme}`
}
