/**
 * What a running pool is told of the settings of its keys, `resize` and `refresh`, and what the model makes of it: which
 * items have to go, which count no longer against `max`, and who must not wait any more.
 */
import type { Refresh } from "@mooring/pool"
import type { KeyRecord } from "./Factory.js"
import type { Model } from "./Model.js"
import { consistent, keyName, type KeySetup } from "./Setup.js"

/** For each key, in the order of their numbers, what is to become of it. */
export type Refreshes = ReadonlyArray<Refresh.Refresh>

/** One key is given settings of its own. Its `min` stays. */
export const resized = (model: Model, key: KeyRecord, to: Partial<KeySetup>): void => {
  const { min } = key.setup
  apply(model, key, { ...key.setup, ...to, min, max: Math.max(min, to.max ?? key.setup.max) })
  key.removed = false
  key.resized = true
}

const apply = (model: Model, key: KeyRecord, to: KeySetup): void => {
  key.maxBefore = Math.max(key.maxBefore, key.setup.max)
  key.concurrencyBefore = Math.min(key.concurrencyBefore, key.setup.concurrency)
  key.setup = to
  key.setIn = model.pass
  // Attempts that were decided on since all was last at rest have not begun yet.
  const onTheirWay = model.calm ? 0 : to.maxConnecting
  for (const unit of key.units) {
    unit.concurrency = Math.max(unit.concurrency, to.concurrency)
    unit.leastConcurrency = Math.min(unit.leastConcurrency, to.concurrency)
    // One that is still opening serves when it is there: what is too much then goes when it idles.
    const busy = unit.phase === "open" && !unit.idle
    if (busy && key.within(model.now()) + onTheirWay > to.max) unit.maybeCondemned = true
  }
}

/**
 * The settings have changed: `to` is what `config` says from now on of keys that are not kept. `tell` tells the pool, and
 * says whether it has accepted that. It must refuse, and leave all as it was, when more items would be pinned than there
 * is room for. `timeout` in milliseconds.
 */
export const refreshed = (
  model: Model,
  whats: Refreshes,
  to: Partial<KeySetup>,
  timeout: number,
  tell: (which: (name: string) => Refresh.Refresh) => boolean
): void => {
  const keys = whats.slice(0, model.setup.keys).map((what, n) => ({ key: model.key(keyName(n)), what }))
  const before = keys.map(({ key }) => key.configured)
  let pinned = 0
  for (const { key, what } of keys) {
    if (what === "Settings" || what === "Items") key.configured = consistent({ ...key.configured, ...to })
    if (!model.pinned.has(key.name) || what === "Remove") continue
    pinned += what === "Keep" ? key.setup.min : key.configured.min
  }
  const right = pinned <= model.setup.maxTotal || model.closed
  if (right) for (const { key, what } of keys) become(model, key, what, timeout)
  const accepted = tell((name) => keys.find(({ key }) => key.name === name)?.what ?? "Keep")
  const verb = accepted ? "accepts" : "refuses"
  model.verdict.expect(29, accepted === right, () => `the pool ${verb} to pin ${pinned} of ${model.setup.maxTotal}`)
  if (!right) for (const [n, { key }] of keys.entries()) key.configured = before[n] ?? key.configured
}

const become = (model: Model, key: KeyRecord, what: Refresh.Refresh, timeout: number): void => {
  const { configured } = key
  if (what === "Keep") return
  if (what === "Remove" || configured.min === 0) unpin(model, key)
  if (key.removed) key.setup = configured
  else if (what === "Remove") remove(model, key, timeout)
  else {
    key.resized = false
    if (what === "Items") supersede(model, key, "its key was refreshed")
    apply(model, key, configured)
  }
}

const unpin = (model: Model, key: KeyRecord): void => {
  if (model.pinned.delete(key.name)) key.unpinnedIn = model.pass
}

const remove = (model: Model, key: KeyRecord, timeout: number): void => {
  const now = model.now()
  model.suspended.delete(key.name)
  key.resized = false
  key.removed = true
  key.removedAt = now
  key.removedBefore = model.acquires.length
  supersede(model, key, "its key was removed")
  for (const unit of key.units) unit.forceAt = Math.min(unit.forceAt, now + timeout)
  key.setup = key.configured
}

/** Its items go, without counting against `max` while somebody holds them, and its failures are forgotten. */
const supersede = (model: Model, key: KeyRecord, why: string): void => {
  const now = model.now()
  if (!model.calm) model.blurred = true
  for (const unit of key.units) {
    if (unit.phase === "connecting") unit.givenUpAt = Math.min(unit.givenUpAt, now)
    else model.condemn(unit, why)
    // Who has been given it may not know yet.
    if (unit.phase === "open" && (unit.holders.size > 0 || !model.calm)) unit.superseded = true
  }
  key.failedBefore = Math.max(key.failedBefore, key.failedInRow)
  key.failedInRow = 0
  key.lastFailureAt = Number.NEGATIVE_INFINITY
}
