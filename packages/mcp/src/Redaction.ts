/**
 * Makes text that a server wrote fit to stand in an error, a log or a terminal: configured secrets are hidden, escape
 * sequences and control characters go, and what is too long is cut. Values only; nothing here is acquired.
 *
 * @since 0.1.0
 */

/**
 * @since 0.1.0
 * @category models
 */
export interface Redaction {
  /** Text of any length, made fit to be shown. Line ends (`\n`) and tabs stay. */
  readonly apply: (text: string) => string
  /** How many characters at the end of `text` may be the beginning of a secret: where it must not be cut. */
  readonly partialAtEnd: (text: string) => number
}

/**
 * What stands in the place of a secret.
 *
 * @since 0.1.0
 * @category constants
 */
export const replacement = "«redacted»"

/**
 * Secrets shorter than this many characters are left as they are: `1`, `on` or `dev` protect nothing, and would make
 * every other text unreadable.
 *
 * @since 0.1.0
 * @category constants
 */
export const shortest = 4

/**
 * Hides the given secrets, and the forms in which a server may well repeat them: one line of several, the credential
 * behind its scheme (`Bearer …`), escaped as in JSON, encoded as in a URL, in the ways of the usual languages.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (secrets: ReadonlyArray<string>): Redaction => {
  const forms = [...new Set(secrets.flatMap(formsOf))].sort((a, b) => b.length - a.length)
  if (forms.length === 0) return { apply: plain, partialAtEnd: () => 0 }
  const pattern = new RegExp(forms.map(escape).join("|"), "g")
  const firsts = new Set(forms.map((form) => form.charCodeAt(0)))
  const mayBegin = (text: string, at: number) =>
    firsts.has(text.charCodeAt(at)) && forms.some((form) => begins(form, text, at))
  const hide = (text: string) => text.replace(pattern, replacement)
  return {
    // Before and after control characters go: a secret may hold some, or be cut up by them.
    apply: (text) => hide(plain(hide(text))),
    partialAtEnd: (text) => {
      const longest = forms[0]?.length ?? 0
      let end = Math.max(0, text.length - longest + 1)
      while (end < text.length && !mayBegin(text, end)) end++
      // A secret that repeats itself may begin again within a whole one, which must stay whole.
      for (const { 0: found, index } of text.matchAll(pattern)) {
        if (index < end && end < index + found.length) return text.length - index
      }
      return text.length - end
    }
  }
}

/**
 * Takes out escape sequences, control characters other than `\n` and tabs, and the marks that turn the direction of
 * text around: with them a server could move a terminal's cursor, write to the clipboard, or show what is not there.
 *
 * @since 0.1.0
 * @category combinators
 */
export const plain = (text: string): string =>
  suspect.test(text) ? text.replaceAll("\r\n", "\n").replace(unfit, "") : text

/**
 * Text for an error, its lines kept: redacted, at most `length` characters (4,000).
 *
 * @since 0.1.0
 * @category combinators
 */
export const passage = (redaction: Redaction, text: string, length = 4000): string =>
  fit(redaction, text, length, (shown) => shown)

/**
 * One line for an error: redacted, white space collapsed, at most `length` characters (200).
 *
 * @since 0.1.0
 * @category combinators
 */
export const excerpt = (redaction: Redaction, text: string, length = 200): string =>
  fit(redaction, text, length, (shown) => shown.replace(/\s+/g, " ").trim())

/**
 * At most `length` characters of a text that holds no secret; an ellipsis at the end says that there was more.
 *
 * @since 0.1.0
 * @category combinators
 */
export const cut = (text: string, length: number): string =>
  text.length <= length
    ? text
    : `${text
        .slice(0, length - 1)
        .replace(/\p{Surrogate}$/u, "")
        .trimEnd()}…`

const fit = (redaction: Redaction, text: string, length: number, shape: (shown: string) => string): string => {
  // Only the beginning is looked at; a secret that is cut by it is cut off whole.
  const head = text.slice(0, 4 * length)
  if (head.length === text.length) return cut(shape(redaction.apply(text)), length)
  const whole = head.slice(0, head.length - redaction.partialAtEnd(head))
  return cut(`${shape(redaction.apply(whole))}…`, length)
}

// Most text has nothing of all this, which is seen in a fraction of the time.
// oxlint-disable-next-line no-control-regex
const suspect = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/

// What ECMA-48 has: control sequences, strings with their end (titles, links, the clipboard), other escape sequences.
// No part begins another, so that the time stays in proportion to the text. Then every control character that is left
// but tab and newline, and the marks of direction.
const unfit =
  // oxlint-disable-next-line no-control-regex
  /(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|(?:\x1b[P\]X^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x90\x98\x9c-\x9f]*(?:\x07|\x1b\\|\x9c)|\x1b[ -/]*[0-~]|(?![\n\t])\p{Cc}|[\u202a-\u202e\u2066-\u2069]/gu

/** Whether what follows `from` in the text is the beginning of `form`, and not all of it. */
const begins = (form: string, text: string, from: number): boolean => {
  const length = text.length - from
  if (form.length <= length) return false
  for (let at = 0; at < length; at++) if (form.charCodeAt(at) !== text.charCodeAt(from + at)) return false
  return true
}

const escape = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&")

const formsOf = (secret: string): ReadonlyArray<string> => {
  const lines = secret.split(/\r?\n/).map((line) => line.trim())
  const credential = /^\S+\s+(\S{8,})$/.exec(secret.trim())?.[1] ?? ""
  return [secret, ...lines, credential]
    .flatMap((form) => [form, ...inJson(form), ...inUrl(form)])
    .filter((form) => form.length >= shortest)
}

/**
 * As in JSON: JavaScript escapes what it must, Python and Ruby all that is not ASCII, PHP slashes besides; Go what means
 * something in HTML, and .NET all of that and more.
 */
const inJson = (text: string): ReadonlyArray<string> => {
  const usual = JSON.stringify(text).slice(1, -1)
  const ascii = escaped(usual, /[^ -~]/g)
  const strict = escaped(ascii.replaceAll('\\"', "\\u0022"), /[&<>'+`]/g)
  return [usual, ascii, ascii.replaceAll("/", "\\/"), escaped(usual, /[&<>]/g), strict].flatMap((form) => [
    form,
    form.replace(/\\u[\da-f]{4}/g, (unit) => `\\u${unit.slice(2).toUpperCase()}`)
  ])
}

const escaped = (text: string, units: RegExp): string =>
  text.replace(units, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)

/**
 * As in a URL: JavaScript lets some marks stand, forms write a space as a plus, Python lets slashes stand, .NET writes
 * small digits. Half a surrogate pair, which no URL can hold, is written as UTF-8 writes it: U+FFFD.
 */
const inUrl = (text: string): ReadonlyArray<string> => {
  const usual = encodeURIComponent(text.replace(/\p{Surrogate}/gu, "\ufffd"))
  const strict = usual.replace(/[!'()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`)
  return [usual, strict, strict.replaceAll("%20", "+"), strict.replaceAll("%2F", "/")].flatMap((form) => [
    form,
    form.replace(/%[\dA-F]{2}/g, (byte) => byte.toLowerCase())
  ])
}
