/** @since 0.1.0 */
export * as Demo from "./demo/Demo.js"
/** @since 0.1.0 */
export * as Plan from "./demo/Plan.js"
/** @since 0.1.0 */
export * as Progress from "./demo/Progress.js"
/** @since 0.1.0 */
export * as Report from "./demo/Report.js"
