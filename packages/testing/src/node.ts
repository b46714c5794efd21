/** @since 0.1.0 */
export * as FaultSuite from "./node/FaultSuite.js"
/** @since 0.1.0 */
export * as FaultyHttpServer from "./node/FaultyHttpServer.js"
/** @since 0.1.0 */
export * as FaultyServer from "./node/FaultyServer.js"
/** @since 0.1.0 */
export * as HttpFault from "./node/HttpFault.js"
/** @since 0.1.0 */
export * as ProcessFault from "./node/ProcessFault.js"
/** @since 0.1.0 */
export * as Resources from "./node/Resources.js"
/** @since 0.1.0 */
export * as ServerFolder from "./node/ServerFolder.js"
