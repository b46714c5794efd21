/**
 * How deep a JSON text is nested, seen without parsing it: in one pass, in time proportional to its length and without
 * recursion, whatever the text is. Pure.
 *
 * @since 0.1.0
 */

/**
 * Whether objects and arrays are nested deeper than `depth` levels. `false` for some texts that are not JSON; a parser
 * finds those out.
 *
 * @since 0.1.0
 * @category combinators
 */
export const exceeds = (text: string, depth: number): boolean => {
  // From level n it takes `depth + 1 - n` more to open one too many, and `depth + 1` to close them all.
  const last = text.length - 2 * (depth + 1)
  // Nearly every text is done with here: too short, or too plain.
  if (last < 0 || !opensMore(text, depth)) return false
  let level = 0
  for (let at = 0; at <= last + level; at++) {
    const unit = text.charCodeAt(at)
    if (unit === quote) at = stringEnd(text, at)
    // Brackets and braces differ by this bit.
    else if ((unit | 0x20) === openBrace) {
      if (++level > depth) return true
    } else if ((unit | 0x20) === closeBrace) level--
  }
  return false
}

/**
 * The id of the request that a text answers: that of its outermost object, if it is a number, and if the object has no
 * `method`. Reads nothing else, so that an answer which must not be parsed still finds its request.
 *
 * @since 0.1.0
 * @category combinators
 */
export const answeredId = (text: string): number | undefined => {
  let id: number | undefined
  let level = 0
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case quote: {
        const end = stringEnd(text, at)
        if (level === 1) {
          const name = text.slice(at, Math.min(end + 1, at + 10))
          // A value is followed by a comma or a brace, a name by a colon.
          if (name === '"method"' && text.charCodeAt(pastSpace(text, end + 1)) === colon) return undefined
          if (name === '"id"') id = numberAfterColon(text, end + 1) ?? id
        }
        at = end
        break
      }
      case openBrace:
        level++
        break
      case openBracket:
        // A batch, whose messages are not told apart here.
        if (level === 0) return undefined
        level++
        break
      case closeBracket:
      case closeBrace:
        level--
    }
  }
  return id
}

const quote = 0x22
const backslash = 0x5c
const colon = 0x3a
const openBracket = 0x5b
const closeBracket = 0x5d
const openBrace = 0x7b
const closeBrace = 0x7d

/** Where the string ends that begins at `start`; the end of the text when it does not. */
const stringEnd = (text: string, start: number): number => {
  let from = start + 1
  for (;;) {
    const end = text.indexOf('"', from)
    if (end === -1) return text.length
    let before = end - 1
    while (before >= from && text.charCodeAt(before) === backslash) before--
    if ((end - before) % 2 === 1) return end
    // An odd number of backslashes: the quote belongs to the string.
    from = end + 1
  }
}

/** Whether the text has more brackets and braces that open than `most`, those in strings included. */
const opensMore = (text: string, most: number): boolean => {
  let left = most
  for (const opening of ["{", "["]) {
    for (let at = text.indexOf(opening); at !== -1; at = text.indexOf(opening, at + 1)) if (left-- === 0) return true
  }
  return false
}

const pastSpace = (text: string, from: number): number => {
  let at = from
  while (at < text.length && text.charCodeAt(at) <= 0x20) at++
  return at
}

const numberAfterColon = (text: string, from: number): number | undefined => {
  const at = pastSpace(text, from)
  if (text.charCodeAt(at) !== colon) return undefined
  const digits = /^\d{1,16}(?=[\s,}])/.exec(text.slice(pastSpace(text, at + 1), pastSpace(text, at + 1) + 20))
  return digits === null ? undefined : Number(digits[0])
}
