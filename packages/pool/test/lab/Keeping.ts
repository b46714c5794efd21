/** Items that are kept from idling out though nobody holds them, and when the pool may close one all the same. */
import type { Model } from "./Model.js"
import { groupOf } from "./Setup.js"
import type { Unit } from "./Unit.js"

/** An idle unit has been let go for the last time: it idles from now on. */
export const letGo = (model: Model, unit: Unit, twice: boolean): void => {
  const release = unit.keeps.shift()
  release?.()
  if (twice) release?.()
  if (unit.kept || !unit.idle) return
  unit.idleSince = model.now()
  model.idles(unit)
}

/**
 * A unit that idles and is kept begins to close. It never does for idling alone: only where there is one too many of
 * its key, or another key needs its place, and nothing that nobody keeps could go instead.
 */
export const checkKept = (model: Model, unit: Unit): void => {
  const key = model.key(unit.key)
  const { setup, verdict } = model
  const { lifetimeMs, max, maxIdle } = key.setup
  const mayGo = unit.condemned !== undefined || unit.maybeCondemned || !unit.alive || lifetimeMs > 0
  if (!unit.kept || unit.phase !== "open" || mayGo || model.closed) return
  const now = model.now()
  // What has closed in this very moment was there when it was decided.
  const there = model.factory.units.filter((other) => other.phase === "open" || other.since === now)
  const ofKey = there.filter((other) => other.key === unit.key)
  const surplus = ofKey.length > Math.min(max, maxIdle) || key.setIn === model.pass
  const reclaimed = setup.quota > 0 || model.factory.units.length >= setup.maxTotal
  verdict.expect(
    18,
    surplus || reclaimed,
    () => `unit ${unit.id} of ${key.name} is closed although it is kept, with ${ofKey.length} of its key there`
  )
  // Items that are being checked are not looked at.
  if (setup.validates) return
  // What began to idle just now may have been there in time or not; if nothing else has changed, it was.
  const idled = reclaimed || key.setIn === model.pass ? 0 : key.idled
  const better = (other: Unit) =>
    !other.kept && other.usable && other.idle && (other.idleIn < model.pass || idled === 1)
  const own = ofKey.find((other) => better(other) && model.queue(other.key).length === 0)
  verdict.expect(
    18,
    own === undefined,
    () => `unit ${unit.id} of ${key.name} is closed although it is kept, and not unit ${own?.id}`
  )
  if (surplus) return
  const elsewhere = there.find((other) => {
    const { name, setup } = model.key(other.key)
    const free = model.queue(name).length === 0 && !model.pinned.has(name) && setup.lifetimeMs === 0
    return free && better(other) && (model.setup.quota === 0 || groupOf(name) === groupOf(unit.key))
  })
  verdict.expect(
    13,
    elsewhere === undefined,
    () => `unit ${unit.id} of ${key.name} makes room although it is kept, and not unit ${elsewhere?.id}`
  )
}
