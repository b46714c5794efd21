/**
 * One reader of the updates of a resource: what waits for it, and what it has been told already. It belongs to one stream.
 *
 * @since 0.1.0
 */
import { Mailbox } from "./Mailbox.js"
import * as ResourceUpdate from "./ResourceUpdate.js"

/**
 * @since 0.1.0
 * @category models
 */
export class UpdateReader<in out E> {
  readonly mailbox: Mailbox<ResourceUpdate.ResourceUpdate, E>
  private begun = false

  constructor(private readonly uri: string) {
    this.mailbox = new Mailbox({
      capacity: ResourceUpdate.waiting,
      lost: () => [mayHaveChanged, this.may("slowReader")]
    })
  }

  /** The resource is subscribed to: for the first time, or again. */
  subscribed(): void {
    const { uri } = this
    if (this.begun) this.mailbox.offer(this.may("reconnected"), mayHaveChanged)
    else this.mailbox.offer(ResourceUpdate.Subscribed({ uri }), subscribed)
    this.begun = true
  }

  updated(uri: string): void {
    this.mailbox.offer(ResourceUpdate.Updated({ uri }), uri)
  }

  missed(): void {
    this.mailbox.offer(this.may("notHeard"), mayHaveChanged)
  }

  private may(reason: "reconnected" | "notHeard" | "slowReader"): ResourceUpdate.ResourceUpdate {
    return ResourceUpdate.MayHaveChanged({ uri: this.uri, reason })
  }
}

// What is never left out.
const subscribed = Symbol("subscribed")
const mayHaveChanged = Symbol("mayHaveChanged")
