import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TunnelError } from 'tunnel-protocol'
import { FieldError } from '../accounts/field-error.js'
import type { Holder } from '../registry/holding.js'
import { type FromWorker, failureOf } from './messages.js'
import { RemoteAuthority } from './remote-authority.js'

class FakeHolder implements Holder {
  readonly link = 0
  account = ''
  readonly instance = undefined
  readonly id: string
  attached = true
  readonly lost: string[] = []
  constructor(id: string) {
    this.id = id
  }
  replaced(name: string): void {
    this.lost.push(`${name} replaced`)
  }
  takenOver(name: string, number: number): void {
    this.lost.push(`${name} taken over (${number})`)
  }
  left(name: string): void {
    this.lost.push(`${name} left`)
  }
  end({ code, detail }: TunnelError): void {
    this.lost.push(`all: ${code} ${detail}`)
  }
}

const credentials = { token: 'secret', address: '192.0.2.1' }

function world() {
  const sent: FromWorker[] = []
  return { sent, authority: new RemoteAuthority((message) => sent.push(message)) }
}

test('each question gets its own answer, in whatever order they come, and once', async () => {
  const { sent, authority } = world()
  const heard: string[] = []
  const holder = new FakeHolder('1.a')
  authority.enter(holder, credentials, (error) => heard.push(`entered ${error?.code}`))
  authority.bind({ tunnel: 1, name: 'one' }, holder, (grant) => heard.push(`one ${JSON.stringify(grant)}`))
  authority.bind({ tunnel: 2, name: 'two' }, holder, (grant) => heard.push(`two ${(grant as TunnelError).code}`))
  authority.bind({ tunnel: 3, name: 'three' }, holder, (grant) => heard.push(`three ${grant}`))
  const totals = authority.totals()
  const questions = sent.map((message) => ('question' in message ? message.question : -1))
  assert.equal(new Set(questions).size, 5)
  const [enter, one, two, three, health] = questions as [number, number, number, number, number]
  authority.take({ type: 'answer', question: health, totals: { tunnels: 1, sessions: 2, uptimeSeconds: 3 } })
  authority.take({ type: 'answer', question: three })
  const error = { code: 'TUN_ERR_NAME_TAKEN', detail: 'taken' } as const
  for (let i = 0; i < 2; i++) authority.take({ type: 'answer', question: two, error })
  authority.take({ type: 'answer', question: one, grant: { name: 'one', claim: 'c' } })
  authority.take({ type: 'answer', question: enter })
  assert.deepEqual(heard, [
    'three undefined',
    'two TUN_ERR_NAME_TAKEN',
    'one {"name":"one","claim":"c"}',
    'entered undefined',
  ])
  assert.deepEqual(await totals, { tunnels: 1, sessions: 2, uptimeSeconds: 3 })
})

test('news of a session reaches it while it lasts; its end is told once', () => {
  const { sent, authority } = world()
  const holder = new FakeHolder('1.a')
  authority.enter(holder, credentials, () => {})
  const news = [
    { type: 'replaced', session: '1.a', name: 'one' },
    { type: 'takenOver', session: '1.a', name: 'two', number: 7 },
    { type: 'left', session: '1.a', name: 'three' },
    { type: 'left', session: '1.b', name: 'four' },
    { type: 'end', session: '1.a', error: { code: 'TUN_ERR_UNAUTHORIZED', detail: 'no longer' } },
  ] as const
  for (const message of news) assert.equal(authority.take(message), true)
  assert.equal(authority.take({ type: 'free', name: 'one' }), false)
  assert.deepEqual(holder.lost, [
    'one replaced',
    'two taken over (7)',
    'three left',
    'all: TUN_ERR_UNAUTHORIZED no longer',
  ])
  for (let i = 0; i < 2; i++) authority.over(holder)
  authority.take(news[0])
  assert.equal(holder.lost.length, 4)
  assert.equal(sent.filter(({ type }) => type === 'over').length, 1)
})

test('while the main process answers nobody, only so many agents wait for it', () => {
  const { sent, authority } = world()
  let refused: TunnelError | undefined
  for (let i = 0; refused === undefined && i < 20_000; i++) {
    authority.enter(new FakeHolder(String(i)), credentials, (error) => {
      refused = error
    })
  }
  assert.equal(refused?.code, 'TUN_ERR_DRAINING')
  assert.equal(sent.length, 10_000)
})

test('who asks over HTTP gets the answer of the main process, or its refusal with the field; while it answers nobody, a refusal at once', async () => {
  const { sent, authority } = world()
  const me = authority.identify(credentials)
  const added = authority.perform(credentials, { call: 'addAccount', name: 'x y', fields: {} })
  assert.deepEqual(sent, [
    { type: 'identify', question: 1, credentials },
    { type: 'perform', question: 2, credentials, call: { call: 'addAccount', name: 'x y', fields: {} } },
  ])
  authority.take({ type: 'answer', question: 1, value: { account: null, open: true } })
  const error = failureOf(FieldError.expected('name', 'a name', 'x y'))
  authority.take({ type: 'answer', question: 2, error })
  assert.deepEqual(await me, { account: null, open: true })
  await assert.rejects(added, { code: 'TUN_ERR_FIELD', field: 'name', message: /name: expected a name, found "x y"/ })
  for (let i = 0; i < 10_000; i++) authority.enter(new FakeHolder(String(i)), credentials, () => {})
  await assert.rejects(authority.identify(credentials), { code: 'TUN_ERR_DRAINING' })
})
