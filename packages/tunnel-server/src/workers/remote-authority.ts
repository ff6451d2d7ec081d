import { type BindRequest, TunnelError } from 'tunnel-protocol'
import type { Credentials } from '../accounts/entrance.js'
import type { AccountService, AdminAnswer, AdminCall, AdminCalls, Identity } from '../accounts/service.js'
import type { Totals } from '../api/context.js'
import type { Authority, Grant } from '../control/authority.js'
import type { Holder } from '../registry/holding.js'
import { type Answer, errorOf, type FromWorker, type ToWorker } from './messages.js'

/** Questions that may wait for the main process; beyond it no agent comes in, and nobody is answered over HTTP. */
const MAX_QUESTIONS = 10_000

/** Asks the main process. */
export class RemoteAuthority implements Authority, AccountService {
  readonly #send: (message: FromWorker) => void
  readonly #holders = new Map<string, Holder>()
  readonly #questions = new Map<number, (answer: Answer) => void>()
  #asked = 0

  constructor(send: (message: FromWorker) => void) {
    this.#send = send
  }

  enter(holder: Holder, credentials: Credentials, then: (error: TunnelError | undefined) => void): void {
    if (this.#isBusy) {
      then(new TunnelError('TUN_ERR_DRAINING', 'the server is too busy for more agents'))
      return
    }
    const { id, instance, link } = holder
    this.#holders.set(id, holder)
    const question = this.#ask(({ error }) => then(error === undefined ? undefined : errorOf(error)))
    const named = instance === undefined ? {} : { instance }
    this.#send({ type: 'enter', question, session: id, credentials, link, ...named })
  }

  bind(request: BindRequest, holder: Holder, then: (grant: Grant | TunnelError | undefined) => void): void {
    const question = this.#ask(({ error, grant }) => then(error === undefined ? grant : errorOf(error)))
    this.#send({ type: 'bind', question, session: holder.id, request })
  }

  told(name: string, holder: Holder): void {
    this.#send({ type: 'told', session: holder.id, name })
  }

  moved({ id, attached }: Holder): void {
    this.#send({ type: 'moved', session: id, attached })
  }

  leave(holder: Holder): void {
    this.#send({ type: 'leave', session: holder.id })
  }

  over(holder: Holder): void {
    if (this.#holders.delete(holder.id)) this.#send({ type: 'over', session: holder.id })
  }

  totals(): Promise<Totals> {
    return new Promise((resolve) => {
      const question = this.#ask(({ totals }) => resolve(totals!))
      this.#send({ type: 'totals', question })
    })
  }

  async identify(credentials: Credentials): Promise<Identity> {
    return (await this.#value((question) => ({ type: 'identify', question, credentials }))) as Identity
  }

  async perform<K extends keyof AdminCalls>(
    credentials: Credentials,
    call: { call: K } & AdminCalls[K]['asks'],
  ): Promise<AdminAnswer<K>> {
    const asked = call as AdminCall
    return (await this.#value((question) => {
      return { type: 'perform', question, credentials, call: asked }
    })) as AdminAnswer<K>
  }

  /** Returns whether the message was for it. */
  take(message: ToWorker): boolean {
    switch (message.type) {
      case 'answer': {
        const then = this.#questions.get(message.question)
        this.#questions.delete(message.question)
        then?.(message)
        return true
      }
      case 'replaced':
        this.#holders.get(message.session)?.replaced(message.name)
        return true
      case 'takenOver':
        this.#holders.get(message.session)?.takenOver(message.name, message.number)
        return true
      case 'left':
        this.#holders.get(message.session)?.left(message.name)
        return true
      case 'end':
        this.#holders.get(message.session)?.end(errorOf(message.error))
        return true
      default:
        return false
    }
  }

  get #isBusy(): boolean {
    return this.#questions.size >= MAX_QUESTIONS
  }

  #value(message: (question: number) => FromWorker): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#isBusy) throw new TunnelError('TUN_ERR_DRAINING', 'the server is too busy')
      const question = this.#ask(({ error, value }) => (error === undefined ? resolve(value) : reject(errorOf(error))))
      this.#send(message(question))
    })
  }

  #ask(then: (answer: Answer) => void): number {
    const question = ++this.#asked
    this.#questions.set(question, then)
    return question
  }
}
