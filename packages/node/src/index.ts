/** @since 0.1.0 */
export * as ChildProcess from "./ChildProcess.js"
/** @since 0.1.0 */
export * as ConfigFile from "./ConfigFile.js"
/** @since 0.1.0 */
export * as ConfigWatch from "./ConfigWatch.js"
/** @since 0.1.0 */
export * as HttpConnector from "./HttpConnector.js"
/** @since 0.1.0 */
export * as NodeConnector from "./NodeConnector.js"
/** @since 0.1.0 */
export * as NodeMcp from "./NodeMcp.js"
/** @since 0.1.0 */
export * as ProcessGroup from "./ProcessGroup.js"
/** @since 0.1.0 */
export * as ServerStderr from "./ServerStderr.js"
/** @since 0.1.0 */
export * as SocketSettings from "./SocketSettings.js"
/** @since 0.1.0 */
export * as StdioConnector from "./StdioConnector.js"
/** @since 0.1.0 */
export * as StdioSettings from "./StdioSettings.js"
/** @since 0.1.0 */
export * as Trust from "./Trust.js"
