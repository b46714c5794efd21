import { BaseSequencer, type TestSpecification } from "vitest/node"

/** What is slow, and says least about which line is wrong, comes last: a mutant dies of the first test that fails. */
const slow = ["laws.", "laws.clock", "laws.long", "laws.mass", "gates", "interruption"]

/** The order of the tests in mutation testing. */
export default class FastFirst extends BaseSequencer {
  override async sort(files: Array<TestSpecification>): Promise<Array<TestSpecification>> {
    const rank = (file: TestSpecification) => slow.findLastIndex((name) => file.moduleId.includes(`/${name}`))
    return [...files].sort((one, other) => rank(one) - rank(other) || one.moduleId.localeCompare(other.moduleId))
  }
}
