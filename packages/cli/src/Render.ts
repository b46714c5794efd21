/**
 * How results look: text for people, JSON for programs. Pure.
 *
 * @since 0.1.0
 */
import type { CallToolResult, Tool } from "@modelcontextprotocol/sdk/types.js"
import { Redaction } from "@mooring/mcp"
import * as Predicate from "effect/Predicate"
import { typesOf } from "./Arguments.js"

/**
 * @since 0.1.0
 * @category models
 */
export type Format = "text" | "json"

/**
 * A value as JSON, indented.
 *
 * @since 0.1.0
 * @category combinators
 */
export const json = (value: unknown): string => JSON.stringify(value, null, 2)

/**
 * Rows with their columns one below the other; the last column keeps its width.
 *
 * @since 0.1.0
 * @category combinators
 */
export const columns = (rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const widths: Array<number> = []
  for (const row of rows) row.forEach((cell, i) => (widths[i] = Math.max(widths[i] ?? 0, cell.length)))
  return rows
    .map((row) => row.map((cell, i) => (i === row.length - 1 ? cell : cell.padEnd(widths[i] ?? 0))).join("  "))
    .map((line) => line.trimEnd())
    .join("\n")
}

/** The first line of a text that a server wrote, cut to at most `length` characters. */
const firstLine = (text: string, length: number): string =>
  Redaction.cut(Redaction.plain(text).trim().split("\n")[0]?.trim() ?? "", length)

/**
 * The tools of several servers, one a line.
 *
 * @since 0.1.0
 * @category combinators
 */
export const toolList = (tools: ReadonlyArray<Tool & { readonly server: string }>): string =>
  columns(
    tools.map((tool) => [tool.server, Redaction.plain(tool.name), firstLine(tool.description ?? tool.title ?? "", 100)])
  )

const argumentRows = (inputSchema: unknown): ReadonlyArray<ReadonlyArray<string>> => {
  const schema = Predicate.isRecord(inputSchema) ? inputSchema : {}
  const properties = Predicate.isRecord(schema["properties"]) ? schema["properties"] : {}
  const required = Array.isArray(schema["required"]) ? schema["required"] : []
  return Object.entries(properties).map(([name, property]) => [
    `  ${Redaction.plain(name)}${required.includes(name) ? "*" : ""}`,
    Redaction.plain([...typesOf(property)].join(" or ")) || "any",
    [allowed(property), firstLine(Predicate.isRecord(property) ? String(property["description"] ?? "") : "", 100)]
      .filter((part) => part !== "")
      .join("; ")
  ])
}

/** `one of "a", "b"` where the schema lists the values of an argument, or of the items of one; else nothing. */
const allowed = (property: unknown): string => {
  if (!Predicate.isRecord(property)) return ""
  const { items } = property
  const values = property["enum"] ?? (Predicate.isRecord(items) ? items["enum"] : undefined)
  if (!Array.isArray(values)) return ""
  const shown = values.slice(0, 20).map((value) => firstLine(JSON.stringify(value), 40))
  return `one of ${shown.join(", ")}${values.length > 20 ? `, and ${values.length - 20} more` : ""}`
}

/**
 * The tools of one server, with their arguments; a * marks those that are required.
 *
 * @since 0.1.0
 * @category combinators
 */
export const toolDetails = (tools: ReadonlyArray<Tool>): string =>
  tools
    .map((tool) =>
      [
        Redaction.plain(tool.name),
        `  ${firstLine(tool.description ?? tool.title ?? "", 200)}`,
        columns(argumentRows(tool.inputSchema))
      ]
        .filter((part) => part.trim() !== "")
        .join("\n")
    )
    .join("\n\n")

const size = (base64: string): string => `${Math.floor((base64.length * 3) / 4)} bytes`

const block = (content: CallToolResult["content"][number]): string => {
  switch (content.type) {
    case "text":
      return content.text
    case "image":
    case "audio":
      return `[${content.type}, ${content.mimeType}, ${size(content.data)}; --output json shows it]`
    case "resource_link":
      return `[link to ${content.uri}]`
    case "resource":
      return "text" in content.resource
        ? content.resource.text
        : `[resource ${content.resource.uri}, ${size(content.resource.blob)}; --output json shows it]`
  }
}

/**
 * What a tool answered: its content, or where it has none the structured content.
 *
 * @since 0.1.0
 * @category combinators
 */
export const answer = (result: CallToolResult): string =>
  result.content.length === 0 && result.structuredContent !== undefined
    ? json(result.structuredContent)
    : result.content.map(block).join("\n")
