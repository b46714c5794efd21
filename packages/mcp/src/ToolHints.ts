/**
 * What servers say of their own tools, for those whose hints are trusted (`trustHints`): whether running one twice
 * does no harm.
 *
 * @since 0.1.0
 */
import type { Tool } from "@modelcontextprotocol/sdk/types.js"

/**
 * Whether the server calls the tool read-only or idempotent; a tool that it does not list, it does not.
 *
 * @since 0.1.0
 * @category combinators
 */
export const isHarmless = (tools: ReadonlyArray<Tool>, tool: string): boolean =>
  tools.some(({ annotations, name }) => name === tool && saysSo(annotations))

/** https://modelcontextprotocol.io/specification/2025-11-25/schema#toolannotations */
const saysSo = (annotations: Tool["annotations"]): boolean =>
  annotations?.readOnlyHint === true || annotations?.idempotentHint === true
