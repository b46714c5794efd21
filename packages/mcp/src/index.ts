/** @since 0.1.0 */
export * as McpClient from "./McpClient.js"
/** @since 0.1.0 */
export * as McpConnector from "./McpConnector.js"
/** @since 0.1.0 */
export * as McpError from "./McpError.js"
/** @since 0.1.0 */
export * as McpTool from "./McpTool.js"
/** @since 0.1.0 */
export * as McpTransport from "./McpTransport.js"
/** @since 0.1.0 */
export * as ServerConfig from "./ServerConfig.js"
/** @since 0.1.0 */
export * as ServerKey from "./ServerKey.js"
