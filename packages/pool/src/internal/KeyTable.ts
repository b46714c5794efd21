/**
 * A map whose object keys are compared with Effect's `Equal`. Primitives go to a native map directly; objects by their
 * hash, which Effect's data types compute once and keep.
 */
import * as Equal from "effect/Equal"
import * as Hash from "effect/Hash"

export class KeyTable<K, V> {
  private readonly primitives = new Map<K, V>()
  private readonly buckets = new Map<number, Array<readonly [K, V]>>()
  size = 0

  get(key: K): V | undefined {
    if (!isObject(key)) return this.primitives.get(key)
    const bucket = this.buckets.get(Hash.hash(key))
    if (bucket === undefined) return undefined
    for (const entry of bucket) if (entry[0] === key || Equal.equals(entry[0], key)) return entry[1]
    return undefined
  }

  /** The key must not be in it. */
  add(key: K, value: V): void {
    this.size++
    if (!isObject(key)) {
      this.primitives.set(key, value)
      return
    }
    const hash = Hash.hash(key)
    const bucket = this.buckets.get(hash)
    if (bucket === undefined) this.buckets.set(hash, [[key, value]])
    else bucket.push([key, value])
  }

  delete(key: K): void {
    if (!isObject(key)) {
      if (this.primitives.delete(key)) this.size--
      return
    }
    const hash = Hash.hash(key)
    const bucket = this.buckets.get(hash)
    const index = bucket?.findIndex((entry) => Equal.equals(entry[0], key)) ?? -1
    if (bucket === undefined || index < 0) return
    this.size--
    if (bucket.length === 1) this.buckets.delete(hash)
    else bucket.splice(index, 1)
  }

  *values(): IterableIterator<V> {
    yield* this.primitives.values()
    for (const bucket of this.buckets.values()) for (const entry of bucket) yield entry[1]
  }
}

const isObject = (key: unknown): boolean => (typeof key === "object" && key !== null) || typeof key === "function"
