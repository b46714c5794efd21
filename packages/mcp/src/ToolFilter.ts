/**
 * Which tools of a server there are for its callers: by name, `*` standing for any text. What is denied is not there,
 * whether it is allowed or not. Values only.
 *
 * @since 0.1.0
 */

/**
 * Says of each tool's name whether it may be used, or `undefined` where all may.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (config: {
  readonly allowTools?: ReadonlyArray<string> | undefined
  readonly denyTools?: ReadonlyArray<string> | undefined
}): ((tool: string) => boolean) | undefined => {
  const { allowTools, denyTools } = config
  if (allowTools === undefined && (denyTools === undefined || denyTools.length === 0)) return undefined
  const allowed = allowTools === undefined ? () => true : anyOf(allowTools)
  const denied = anyOf(denyTools ?? [])
  return (tool) => allowed(tool) && !denied(tool)
}

const anyOf = (patterns: ReadonlyArray<string>): ((tool: string) => boolean) => {
  const exact = new Set(patterns.filter((pattern) => !pattern.includes("*")))
  const wild = patterns.filter((pattern) => pattern.includes("*")).map((pattern) => pattern.split("*"))
  return (tool) => exact.has(tool) || wild.some((parts) => fits(parts, tool))
}

/** Whether the parts stand in the text in this order, the first at its beginning and the last at its end. */
const fits = (parts: ReadonlyArray<string>, text: string): boolean => {
  const first = parts[0] ?? ""
  const last = parts.at(-1) ?? ""
  if (text.length < first.length + last.length || !text.startsWith(first) || !text.endsWith(last)) return false
  const end = text.length - last.length
  let at = first.length
  // Each part as early as it can be: whatever fits at all, fits so. It goes over the text once.
  for (const part of parts.slice(1, -1)) {
    const found = text.indexOf(part, at)
    if (found < 0 || found + part.length > end) return false
    at = found + part.length
  }
  return true
}
