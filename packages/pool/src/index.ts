/** @since 0.1.0 */
export * as Deadlines from "./Deadlines.js"
/** @since 0.1.0 */
export * as HealthCheck from "./HealthCheck.js"
/** @since 0.1.0 */
export * as Lease from "./Lease.js"
/** @since 0.1.0 */
export * as Pool from "./Pool.js"
/** @since 0.1.0 */
export * as PoolConfig from "./PoolConfig.js"
/** @since 0.1.0 */
export * as PoolError from "./PoolError.js"
/** @since 0.1.0 */
export * as PoolEvent from "./PoolEvent.js"
/** @since 0.1.0 */
export * as PoolMetrics from "./PoolMetrics.js"
/** @since 0.1.0 */
export * as PoolStats from "./PoolStats.js"
/** @since 0.1.0 */
export * as Refresh from "./Refresh.js"
/** @since 0.1.0 */
export * as Reset from "./Reset.js"
