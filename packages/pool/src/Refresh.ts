/**
 * What is to become of a key when a running pool is told that its settings have changed. A value: what is done about it
 * is the pool's.
 *
 * @since 0.1.0
 */

/**
 * - `Keep`: nothing happens to the key
 * - `Settings`: the pool asks `config` for the key's settings anew; its items stay
 * - `Items`: that, and its items are replaced. Whoever holds one keeps it until he gives it back, and it counts no more
 *   against `max` (it does against `maxTotal`); whoever waits is served by a new one. What is known of failures to open
 *   one is forgotten, and a pinned key has its `min` opened again
 * - `Remove`: the key goes. Who waits for it fails with `UnknownKey`, what is held is taken away by force at the
 *   deadline, and its entry goes with the last item. Whoever uses the key later makes it anew, if `config` has it
 *
 * @since 0.1.0
 * @category models
 */
export type Refresh = "Keep" | "Settings" | "Items" | "Remove"
