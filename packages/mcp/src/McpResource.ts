/**
 * What a client asks about resources, and how the answers are read: as strictly as the SDK's schemas do, and by hand
 * where an answer is as usual. Values only; `McpClient` sends them.
 *
 * @since 0.1.0
 */
import {
  BlobResourceContentsSchema,
  type ReadResourceResult,
  type Resource,
  ResourceSchema,
  type ResourceTemplate,
  ResourceTemplateSchema,
  TextResourceContentsSchema
} from "@modelcontextprotocol/sdk/types.js"
import * as Predicate from "effect/Predicate"
import * as Answer from "./Answer.js"
import type { McpList, McpRequest } from "./McpRequest.js"

/**
 * What the server offers to read, by URI.
 *
 * @since 0.1.0
 * @category requests
 */
export const list: McpList<Resource> = {
  method: "resources/list",
  needs: "resources",
  what: "resources",
  most: (limits) => limits.entries,
  page: Answer.page("resources", Answer.asSent(isUsualResource, ResourceSchema), isUsualResource)
}

/**
 * The URI templates (RFC 6570) of what the server offers to read.
 *
 * @since 0.1.0
 * @category requests
 */
export const templates: McpList<ResourceTemplate> = {
  method: "resources/templates/list",
  needs: "resources",
  what: "resource templates",
  most: (limits) => limits.entries,
  page: Answer.page("resourceTemplates", Answer.asSent(isUsualTemplate, ResourceTemplateSchema), isUsualTemplate)
}

/**
 * What a resource holds: one or more contents, each of them text or base64.
 *
 * @since 0.1.0
 * @category requests
 */
export const read = (uri: string): McpRequest<ReadResourceResult> => ({
  method: "resources/read",
  needs: "resources",
  params: { uri },
  resource: uri,
  answer
})

const answer: Answer.Answer<ReadResourceResult> = (result) => {
  const whole = Answer.object(result)
  if (whole instanceof Answer.Malformed) return whole
  const contents = Answer.each(whole["contents"], "contents", content)
  return contents instanceof Answer.Malformed ? contents : { ...whole, contents: [...contents] }
}

type Contents = ReadResourceResult["contents"][number]

/** What is both text and base64 is text, as the SDK has it. */
const content: Answer.Part<Contents> = (input, place) => {
  if (isText(input) || isBase64(input)) return input
  const read = text(input, place)
  return read instanceof Answer.Malformed && Predicate.isRecord(input) && input["blob"] !== undefined
    ? base64(input, place)
    : read
}

const text = Answer.part(TextResourceContentsSchema)
const base64 = Answer.part(BlobResourceContentsSchema)

const isText = (input: unknown): input is Contents =>
  isPlain(input) && typeof input["text"] === "string" && input["blob"] === undefined

const isBase64 = (input: unknown): input is Contents =>
  isPlain(input) && typeof input["blob"] === "string" && input["text"] === undefined && canBeRead(input["blob"])

const isPlain = (input: unknown): input is Readonly<Record<string, unknown>> =>
  Predicate.isRecord(input) &&
  typeof input["uri"] === "string" &&
  Answer.mayBeText(input["mimeType"]) &&
  input["_meta"] === undefined

const canBeRead = (encoded: string): boolean => {
  try {
    atob(encoded)
    return true
  } catch {
    return false
  }
}

/** Whether an entry is surely one: named, at the `place` where its URI stands, and without icons, annotations or `_meta`. */
function isUsual(input: unknown, place: "uri" | "uriTemplate"): boolean {
  return (
    Predicate.isRecord(input) &&
    typeof input[place] === "string" &&
    typeof input["name"] === "string" &&
    Answer.mayBeText(input["title"]) &&
    Answer.mayBeText(input["description"]) &&
    Answer.mayBeText(input["mimeType"]) &&
    (input["size"] === undefined || Number.isFinite(input["size"])) &&
    input["icons"] === undefined &&
    input["annotations"] === undefined &&
    input["_meta"] === undefined
  )
}

// Functions of the old kind, which those above may use when they are made.
function isUsualResource(input: unknown): boolean {
  return isUsual(input, "uri")
}

function isUsualTemplate(input: unknown): boolean {
  return isUsual(input, "uriTemplate")
}
