import { BaseSequencer, type TestSpecification } from "vitest/node"

/** Live tests last: their processes do not take the processor from tests that need it. */
export default class LiveLast extends BaseSequencer {
  override async sort(files: Array<TestSpecification>): Promise<Array<TestSpecification>> {
    const sorted = await super.sort(files)
    const live = (file: TestSpecification) => file.moduleId.includes(".live.test.")
    return [...sorted.filter((file) => !live(file)), ...sorted.filter(live)]
  }
}
