/** What the pool says of itself must be what is seen from outside: laws 25, 26 and 30. */
import type { PoolStats } from "@mooring/pool"
import type { Model } from "./Model.js"

/** Whether the numbers of a key add up, and equal the model's. */
export const checkKey = (model: Model, name: string, stats: PoolStats.KeyStats | undefined): void => {
  const now = model.now()
  const { verdict } = model
  const key = model.key(name)
  let open = 0
  let idle = 0
  let connecting = 0
  let closing = 0
  let leases = 0
  let revoked = 0
  for (const acquire of model.holding) if (acquire.key === name && acquire.revoked) revoked += 1
  for (const unit of key.units) {
    if (!model.counts(unit)) continue
    leases += unit.holders.size
    if (unit.phase === "open") open += 1
    if (unit.phase === "open" && unit.holders.size === 0 && unit.probing === 0) idle += 1
    if (unit.phase === "connecting") connecting += 1
    if (unit.phase === "closing") closing += 1
  }
  const waiting = model.waiting(name)
  if (stats === undefined) {
    const nothing = open + connecting + closing + leases + waiting === 0
    verdict.expect(30, nothing, () => `${name} has no entry, but ${open} open items and ${waiting} waiters`)
    const pausing = key.failedInRow > 0 && now < key.resumeBy && !model.closed
    verdict.expect(22, !pausing, () => `${name} has no entry, although its pause lasts until ${key.resumeBy}`)
    key.failedInRow = 0
    return
  }
  const bare = open + connecting + closing + leases + revoked + waiting === 0
  verdict.expect(29, !key.removed || !bare, () => `${name} was removed, has nothing left, and still has an entry`)
  const equal = (field: string, told: number, seen: number) =>
    verdict.expect(30, told === seen, () => `${name} has ${field} ${told} where ${seen} are seen`)
  equal("open", stats.open, open)
  equal("connecting and closing", stats.connecting + stats.closing, connecting + closing)
  // An item that is kept for somebody who wants it whole may count as idle or not.
  const idleIsRight = stats.idle <= idle && stats.idle >= idle - model.kept(name)
  verdict.expect(
    30,
    model.setup.validates || idleIsRight,
    () => `${name} has idle ${stats.idle} where ${idle} are seen`
  )
  if (revoked === 0) equal("leases", stats.leases, leases)
  equal("waiting", stats.waiting, waiting)
  const { started, immediate, waited, failed, cancelled } = stats
  const sum = immediate + waited + failed + cancelled + stats.waiting
  verdict.expect(30, started === sum, () => `${name} started ${started} acquires but accounts for ${sum}`)
  if (revoked === 0) {
    const out = immediate + waited - stats.released
    verdict.expect(
      30,
      out === stats.leases,
      () => `${name} handed out ${out} leases more than came back, not ${stats.leases}`
    )
  }
  const tripped = key.failedInRow >= key.setup.breakerThreshold
  const closedIsRight = (stats.circuit === "closed") === !tripped
  verdict.expect(
    26,
    closedIsRight,
    () => `${name} is ${stats.circuit} after ${key.failedInRow} failed connects in a row`
  )
  verdict.expect(30, stats.suspended === model.isSuspended(name), () => `${name} says suspended: ${stats.suspended}`)
}

/** Whether the totals equal the model's, keys that were dropped included. */
export const checkTotals = (model: Model, stats: PoolStats.PoolStats): void => {
  const { verdict, tally, factory } = model
  const equal = (law: number, field: string, told: number, seen: number) =>
    verdict.expect(law, told === seen, () => `the pool has ${field} ${told} where ${seen} are seen`)
  let begun = 0
  let failures = 0
  let closed = 0
  let abandoned = 0
  let waiting = 0
  for (const key of factory.keys.values()) {
    begun += key.begun
    failures += key.connectFailures
    waiting += model.waiting(key.name)
  }
  for (const unit of factory.units) {
    if (unit.late) abandoned += 1
    else if (unit.phase === "closed") closed += 1
  }
  equal(30, "started", stats.started, tally.started)
  equal(30, "immediate and waited", stats.immediate + stats.waited, tally.immediate + tally.waited)
  // Who is interrupted in the very moment in which he is refused was refused for the pool, and interrupted for himself.
  equal(30, "failed and cancelled", stats.failed + stats.cancelled, tally.failed + tally.cancelled)
  verdict.expect(
    30,
    stats.failed >= tally.failed,
    () => `the pool has failed ${stats.failed} where ${tally.failed} are seen`
  )
  equal(30, "waiting", stats.waiting, waiting)
  const given = stats.abandoned >= abandoned && stats.abandoned <= abandoned + factory.ties
  verdict.expect(25, given, () => `the pool has abandoned ${stats.abandoned} where ${abandoned} are seen`)
  if (model.blurred) return
  equal(30, "connects", stats.connects, begun)
  if (!model.closed) equal(30, "connect failures", stats.connectFailures, failures)
  const reasons = Object.values(stats.closed).reduce((sum: number, count) => sum + (count ?? 0), 0)
  const rightly = reasons >= closed - factory.ties && reasons <= closed + abandoned
  verdict.expect(
    30,
    rightly,
    () => `${reasons} closes have a reason, where ${closed} closed and ${abandoned} were abandoned`
  )
}
