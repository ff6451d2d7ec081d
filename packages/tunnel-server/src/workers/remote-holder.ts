import type { TunnelError } from 'tunnel-protocol'
import type { Holder } from '../registry/holding.js'
import { failureOf, type ToWorker } from './messages.js'

/** A session of an agent that a worker has. */
export class RemoteHolder implements Holder {
  readonly id: string
  readonly instance: string | undefined
  readonly link: number
  account = ''
  /** Which worker has it. */
  readonly worker: number
  attached = true
  readonly #send: (message: ToWorker) => void

  constructor(
    worker: number,
    { session, instance, link }: { session: string; instance?: string; link: number },
    send: (message: ToWorker) => void,
  ) {
    this.worker = worker
    this.id = session
    this.instance = instance
    this.link = link
    this.#send = send
  }

  replaced(name: string): void {
    this.#send({ type: 'replaced', session: this.id, name })
  }

  takenOver(name: string, number: number): void {
    this.#send({ type: 'takenOver', session: this.id, name, number })
  }

  left(name: string): void {
    this.#send({ type: 'left', session: this.id, name })
  }

  end(error: TunnelError): void {
    this.#send({ type: 'end', session: this.id, error: failureOf(error) })
  }
}
