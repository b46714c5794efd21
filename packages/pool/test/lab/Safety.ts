/** What must hold of the items whenever everything is at rest: laws 1, 4, 9, 10 and 18. */
import type { Model } from "./Model.js"
import type { Unit } from "./Unit.js"

export const checkSafety = (model: Model): void => {
  const now = model.now()
  const { verdict } = model
  for (const key of model.factory.keys.values()) {
    const { max, maxIdle, idleMs, min } = key.setup
    const kept = model.kept(key.name)
    let idle = 0
    let open = 0
    let maybe = 0
    // Without those that have died: the pool may have found that out, and keep another instead.
    let fit = 0
    let overdue: Unit | undefined
    let live = 0
    const connecting = key.connecting(now)
    for (const unit of key.units) {
      if (!model.counts(unit)) continue
      if (!unit.superseded) live += 1
      if (unit.phase !== "open") continue
      const what = (says: string) => () => `unit ${unit.id} of ${key.name} ${says}`
      // What idles and is still there was not among those that had to go when they came back.
      if (unit.idle) unit.maybeCondemned = false
      if (unit.condemned === undefined && unit.maybeCondemned) maybe += 1
      if (unit.condemned === undefined && !unit.maybeCondemned) {
        open += 1
        if (unit.alive) fit += 1
      }
      verdict.expect(9, unit.asked >= unit.mustHaveAsked, what("came back without being asked whether it is open"))
      // What was asked too often does not make up for what is asked too seldom later.
      unit.mustHaveAsked = unit.asked
      const late = unit.holders.size > 0 && now >= unit.forceAt
      verdict.expect(6, !late, what(`is held although it should have been taken away at ${unit.forceAt}`))
      if (unit.holders.size > 0 || unit.probing > 0) continue
      idle += 1
      // What is due to go goes as soon as nobody holds it.
      const law = unit.alive ? 4 : 9
      verdict.expect(law, unit.condemned === undefined, what(`idles although it must go: ${unit.condemned}`))
      if (now - unit.idleSince > idleMs && !unit.kept) overdue = unit
    }
    if (model.closed) continue
    const pins = model.pinned.has(key.name) ? min : 0
    verdict.expect(
      18,
      overdue === undefined || fit <= pins || kept > 0,
      () => `unit ${overdue?.id} of ${key.name} has been idle since ${overdue?.idleSince}`
    )
    verdict.expect(
      18,
      idle - kept <= Math.max(maxIdle, pins) || !model.returnedTo.has(key.name),
      () => `${idle} of ${key.name} are idle`
    )
    verdict.expect(
      1,
      open + connecting <= max || idle <= kept,
      () => `${key.name} keeps ${idle} idle items beyond its max of ${max}`
    )
    const there = open + maybe + connecting
    const troubled = key.failedInRow > 0 || model.isSuspended(key.name) || !model.hasRoom(key)
    const missing = pins > 0 && !troubled && there < pins && live < max
    verdict.expect(18, !missing, () => `${key.name} has ${there} items but is pinned to ${pins}`)
  }
  for (const acquire of model.acquires) {
    if (acquire.state === "done" || !acquire.cancelled) continue
    verdict.broken(10, `acquire ${acquire.id} (${acquire.how} ${acquire.key}) was cancelled but goes on`)
  }
}
