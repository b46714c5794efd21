import { describe, expect, it } from "@effect/vitest"
import { type McpConnection, ServerKey } from "@mooring/mcp"
import { Affinities } from "../src/internal/Affinities.js"

const key = (n: number) => ServerKey.withAffinity(ServerKey.shared("browser"), `conversation ${n}`)

/** All that is asked of a connection here. */
const connection = () => {
  let told: ((reason: string) => void) | undefined
  const onClosed = (hook: (reason: string) => void) => {
    told = hook
  }
  return { value: { onClosed } as McpConnection.McpConnection, close: (reason: string) => told?.(reason) }
}

describe("Affinities", () => {
  it("know a connection until it ends, and then that it has ended, until they are told to forget it", () => {
    const affinities = new Affinities()
    const first = connection()
    expect(affinities.get(key(1))).toBeUndefined()
    affinities.begin(key(1), first.value)
    expect(affinities.get(key(1))?.connection).toBe(first.value)
    expect(affinities.get(key(2))).toBeUndefined()
    first.close("it died")
    const ended = affinities.get(key(1))
    expect(ended).toMatchObject({ connection: undefined, reason: "it died" })
    if (ended !== undefined) affinities.forget(ended)
    expect(affinities.get(key(1))).toBeUndefined()
  })

  it("do not mistake the end of an old connection for that of a new one", () => {
    const affinities = new Affinities()
    const [first, second] = [connection(), connection()]
    affinities.forget(affinities.begin(key(1), first.value))
    affinities.begin(key(1), second.value)
    first.close("it was closed")
    expect(affinities.get(key(1))?.connection).toBe(second.value)
  })

  it("remember the last 10,000 that ended, and all that live", () => {
    const affinities = new Affinities()
    const living = connection()
    affinities.begin(key(-1), living.value)
    for (let n = 0; n < 10_002; n++) {
      const one = connection()
      affinities.begin(key(n), one.value)
      one.close("it died")
    }
    expect([0, 1, 2, 10_001].map((n) => affinities.get(key(n)) !== undefined)).toEqual([false, false, true, true])
    expect(affinities.get(key(-1))?.connection).toBe(living.value)
  })
})
