/**
 * A map whose object keys are compared with Effect's `Equal`. What is looked up by the very key that was added, a
 * primitive or that object itself, is found in one native map; an object that is only equal to it by the hash.
 */
import * as Equal from "effect/Equal"
import * as Hash from "effect/Hash"

export class KeyTable<K, V extends { readonly key: K }> {
  private readonly same = new Map<K, V>()
  private readonly byHash = new Map<number, Array<V>>()

  get(key: K): V | undefined {
    return this.same.get(key) ?? (isObject(key) ? this.equal(key) : undefined)
  }

  private equal(key: K): V | undefined {
    return this.byHash.get(Hash.hash(key))?.find((value) => Equal.equals(value.key, key))
  }

  /** Its key must not be in it. */
  add(value: V): void {
    const { key } = value
    this.same.set(key, value)
    if (!isObject(key)) return
    const hash = Hash.hash(key)
    const bucket = this.byHash.get(hash)
    if (bucket === undefined) this.byHash.set(hash, [value])
    else bucket.push(value)
  }

  delete(value: V): void {
    const { key } = value
    this.same.delete(key)
    if (!isObject(key)) return
    const hash = Hash.hash(key)
    const others = this.byHash.get(hash)?.filter((other) => other !== value)
    if (others === undefined || others.length === 0) this.byHash.delete(hash)
    else this.byHash.set(hash, others)
  }

  values(): IterableIterator<V> {
    return this.same.values()
  }
}

const isObject = (key: unknown): boolean => (typeof key === "object" && key !== null) || typeof key === "function"
