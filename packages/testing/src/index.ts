/** @since 0.1.0 */
export * as CallSchedule from "./CallSchedule.js"
/** @since 0.1.0 */
export * as ConnectionContract from "./ConnectionContract.js"
/** @since 0.1.0 */
export * as ClientRequests from "./ClientRequests.js"
/** @since 0.1.0 */
export * as Contract from "./Contract.js"
/** @since 0.1.0 */
export * as ContractServer from "./ContractServer.js"
/** @since 0.1.0 */
export * as EchoServer from "./EchoServer.js"
/** @since 0.1.0 */
export * as Fault from "./Fault.js"
/** @since 0.1.0 */
export * as FastClock from "./FastClock.js"
/** @since 0.1.0 */
export * as Ledger from "./Ledger.js"
/** @since 0.1.0 */
export * as McpTest from "./McpTest.js"
/** @since 0.1.0 */
export * as TestPrompt from "./TestPrompt.js"
/** @since 0.1.0 */
export * as TestResource from "./TestResource.js"
/** @since 0.1.0 */
export * as ServerNotices from "./ServerNotices.js"
/** @since 0.1.0 */
export * as TestServer from "./TestServer.js"
/** @since 0.1.0 */
export * as TestTool from "./TestTool.js"
/** @since 0.1.0 */
export * as TransportContract from "./TransportContract.js"
/** @since 0.1.0 */
export * as VirtualTime from "./VirtualTime.js"
/** @since 0.1.0 */
export * as Wire from "./Wire.js"
