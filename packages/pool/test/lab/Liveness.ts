/** What must have happened by the time everything is at rest, the clock standing still: laws 11 to 14, 22, 23 and 27. */
import type { Acquire } from "./Acquire.js"
import type { KeyRecord } from "./Factory.js"
import type { Model } from "./Model.js"
import { groupOf } from "./Setup.js"

export const checkLiveness = (model: Model): void => {
  const now = model.now()
  for (const [name, queue] of model.queues) {
    const waiting = queue.filter((acquire) => acquire.state === "waiting")
    if (!model.closed) fifo(model, queue, waiting)
    model.queues.set(name, waiting)
    for (const acquire of waiting) {
      const law = acquire.nested ? 16 : 14
      model.verdict.expect(law, now < acquire.latestDeadline, () => `${describe(acquire)} waits past its deadline`)
      // Who is refused at once hears of it with his fiber's next task.
      model.verdict.expect(15, acquire.mayWait, () => `${describe(acquire)} overfills the queue`)
      model.verdict.expect(27, !model.closed, () => `${describe(acquire)} waits for a closed pool`)
      const { removedBefore } = model.key(name)
      model.verdict.expect(14, acquire.id >= removedBefore, () => `${describe(acquire)} waits for what was removed`)
      const fatalBefore = model.fatalBefore.get(name) ?? 0
      model.verdict.expect(23, acquire.id >= fatalBefore, () => `${describe(acquire)} outwaits a failure for good`)
    }
    const head = waiting[0]
    if (head !== undefined && !model.closed && !model.isSuspended(name)) served(model, model.key(name), head, waiting)
  }
}

const describe = (acquire: Acquire): string => `acquire ${acquire.id} (${acquire.how} ${acquire.key})`

/** Nobody who came later was served in this pass while an earlier one waits on. */
const fifo = (model: Model, all: ReadonlyArray<Acquire>, waiting: ReadonlyArray<Acquire>): void => {
  if (waiting.length === 0) return
  // Those who wait for the check of an item that they have been given already are not overtaken.
  let checking = 0
  for (const unit of model.key(all[0]?.key ?? "").units) checking += unit.probing
  const earliest = waiting.filter((acquire) => !acquire.exclusive)[checking]
  const earliestWhole = waiting.filter((acquire) => acquire.exclusive)[checking]
  for (const acquire of all) {
    if (acquire.grantedIn !== model.pass) continue
    const overtaken = earliest !== undefined && earliest.id < acquire.id ? earliest : undefined
    const whole =
      acquire.exclusive && earliestWhole !== undefined && earliestWhole.id < acquire.id ? earliestWhole : undefined
    const victim = overtaken ?? whole
    model.verdict.expect(
      11,
      victim === undefined,
      () => `${describe(acquire)} was served before ${victim === undefined ? "" : describe(victim)}`
    )
  }
}

/** The head of the queue waits only for what is not there. */
const served = (model: Model, key: KeyRecord, head: Acquire, waiting: ReadonlyArray<Acquire>): void => {
  const now = model.now()
  const { verdict } = model
  if (key.units.some((unit) => unit.probing > 0)) return
  verdict.expect(12, !model.hasFree(head), () => `${describe(head)} waits beside a free slot`)
  const attempts = key.connecting(now)
  const broken = key.failedInRow >= key.setup.breakerThreshold
  const open = key.units.some((unit) => unit.phase === "open")
  if (broken && attempts === 0 && !open && now < key.resumeBy) {
    verdict.broken(23, `${describe(head)} waits although the circuit is open`)
  }
  if (key.failedInRow > 0) {
    const due = attempts === 0 && now > key.resumeBy && roomApartFromFailures(model, key)
    verdict.expect(22, !due, () => `${describe(head)} waits, and no attempt was made since ${key.lastFailureAt}`)
    return
  }
  let whole = 0
  let shares = 0
  for (const acquire of waiting) {
    if (acquire.exclusive) whole += 1
    else shares += 1
  }
  const needed = whole > 0 ? 1 : Math.ceil(shares / key.setup.concurrency)
  const room = model.hasRoom(key)
  verdict.expect(
    12,
    !(attempts < needed && room),
    () => `${describe(head)} waits, and ${attempts} attempts are in flight`
  )
  if (attempts === 0 && !room) reclaims(model, key, head)
}

const roomApartFromFailures = (model: Model, key: KeyRecord): boolean => {
  const failures = key.failedInRow
  key.failedInRow = 0
  const room = model.hasRoom(key)
  key.failedInRow = failures
  return room
}

/** Where only the limit over all keys binds, what lies idle elsewhere must be on its way out. */
const reclaims = (model: Model, key: KeyRecord, head: Acquire): void => {
  const now = model.now()
  if (key.within(now) >= key.setup.max) return
  let total = 0
  let group = 0
  let weight = key.setup.connectWeight
  for (const other of model.factory.keys.values()) {
    const counted = other.counted(now)
    total += counted
    if (groupOf(other.name) === groupOf(key.name)) group += counted
    weight += other.connecting(now) * other.setup.connectWeight
  }
  if (weight > model.setup.maxConnecting) return
  const quotaBinds = model.setup.quota > 0 && group >= model.setup.quota
  if (total < model.setup.maxTotal && !quotaBinds) return
  const groups = new Map<string, { leaving: number; seekers: number; counted: number }>()
  let idle: string | undefined
  for (const other of model.factory.keys.values()) {
    const coming = other.connecting(now)
    const within = groups.get(groupOf(other.name)) ?? { leaving: 0, seekers: 0, counted: 0 }
    groups.set(groupOf(other.name), within)
    within.counted += other.counted(now)
    for (const unit of other.units) {
      if (unit.phase !== "open" && model.counts(unit)) within.leaving += 1
    }
    within.leaving -= coming
    // Whoever its own limits keep from growing does not look for room.
    const full = other.within(now) >= other.setup.max || coming >= other.setup.maxConnecting
    const stopped = full || other.failedInRow > 0 || model.isSuspended(other.name)
    // Who waits for the check of an item needs no room for another.
    const seeking = model.waiting(other.name) - other.units.reduce((sum, unit) => sum + unit.probing, 0)
    if (seeking > coming * other.setup.concurrency && !stopped) within.seekers += 1
    if (other === key || model.waiting(other.name) > 0 || model.pinned.has(other.name)) continue
    if (quotaBinds && groupOf(other.name) !== groupOf(key.name)) continue
    if (other.units.some((unit) => unit.idle && unit.usable && unit.probing === 0)) idle = other.name
  }
  let leaving = 0
  let seekers = 0
  for (const [name, within] of groups) {
    if (quotaBinds && name !== groupOf(key.name)) continue
    leaving += within.leaving
    // Whoever his group will hold back takes no place from others.
    const places = model.setup.quota === 0 ? within.seekers : model.setup.quota - within.counted + within.leaving
    seekers += quotaBinds ? within.seekers : Math.min(within.seekers, places)
  }
  const stuck = idle !== undefined && leaving < seekers
  model.verdict.expect(13, !stuck, () => `${describe(head)} waits for room while ${idle} idles`)
}
