/**
 * Text that a server wrote, made fit to be shown in a terminal.
 *
 * @since 0.1.0
 */

// C0 and C1 controls but tab and newline: with them a server could move the cursor, or write to the clipboard.
// oxlint-disable-next-line no-control-regex
const controls = /\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|[\x00-\x08\x0b-\x1f\x7f-\x9f]/g

/**
 * Takes out escape sequences and control characters, but not tabs and line ends.
 *
 * @since 0.1.0
 * @category combinators
 */
export const plain = (text: string): string => text.replaceAll("\r\n", "\n").replace(controls, "")

/**
 * The first line, cut to at most `length` characters.
 *
 * @since 0.1.0
 * @category combinators
 */
export const firstLine = (text: string, length: number): string => {
  const line = plain(text).trim().split("\n")[0]?.trim() ?? ""
  return line.length <= length ? line : `${line.slice(0, length - 1).trimEnd()}…`
}
