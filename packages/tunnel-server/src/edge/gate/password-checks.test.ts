import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hashPassword } from 'tunnel-protocol'
import { Attempts } from './attempts.js'
import { PasswordChecks } from './password-checks.js'

const guess = (password: string, user = '') => ({ hash: 'the hash', password, user })

/** Checks whose outcome the test decides, in the order in which they are begun. */
function world(attempts = new Attempts({ burst: 1_000, regainMs: 1_000 }, () => 1_000)) {
  const begun: Array<{ password: string; tell(matches: boolean): void }> = []
  const checks = new PasswordChecks(attempts, (password, _hash, tell) => void begun.push({ password, tell }))
  return { begun, checks }
}

test('what was found out is known, for that user, password and hash alone', async () => {
  const { begun, checks } = world()
  const alice = guess('secret', 'alice')
  assert.equal(checks.known(alice), undefined)
  const found = checks.find('a', alice)
  begun[0]!.tell(true)
  await found
  assert.equal(checks.known(alice), true)
  for (const other of [guess('secret', 'bob'), guess('Secret', 'alice'), { ...alice, hash: 'another' }])
    assert.equal(checks.known(other), undefined)
  const wrong = checks.find('a', guess('wrong'))
  begun[1]!.tell(false)
  await wrong
  assert.equal(checks.known(guess('wrong')), false)
})

test('a password really fits its hash, or does not', async () => {
  const checks = new PasswordChecks()
  const hash = hashPassword('secret')
  for (const password of ['secret', 'Secret']) {
    await checks.find('a', { hash, password, user: '' })
    assert.equal(checks.known({ hash, password, user: '' }), password === 'secret')
  }
})

test('a guess that is being looked at is not looked at once more', async () => {
  const { begun, checks } = world(new Attempts({ burst: 1, regainMs: 1_000 }, () => 1_000))
  const found = [checks.find('a', guess('secret')), checks.find('a', guess('secret'))]
  assert.equal(checks.find('a', guess('other')), 1_000)
  assert.equal(begun.length, 1)
  begun[0]!.tell(true)
  await Promise.all(found)
  assert.equal(checks.known(guess('secret')), true)
})

test('one is looked at at a time, others wait for their turn, and too many are told to come again', async () => {
  const { begun, checks } = world()
  const found = Array.from({ length: 128 }, (_, i) => checks.find(`visitor ${i}`, guess(`${i >> 1}`)))
  assert.ok(found.every((each) => typeof each !== 'number'))
  for (const password of ['one more', '0']) assert.equal(checks.find('one more', guess(password)), 1_000)
  for (let i = 0; i < 64; i++) {
    assert.equal(begun.length, i + 1)
    begun[i]!.tell(false)
    await Promise.all([found[2 * i], found[2 * i + 1]])
  }
  assert.deepEqual(
    begun.map(({ password }) => password),
    Array.from({ length: 64 }, (_, i) => `${i}`),
  )
  assert.equal(typeof checks.find('one more', guess('one more')), 'object')
})

test('right guesses are not counted, wrong ones are', async () => {
  const { begun, checks } = world(new Attempts({ burst: 2, regainMs: 1_000 }, () => 1_000))
  const next = async (isRight: boolean) => {
    const found = checks.find('a', guess(`${begun.length}`))
    if (typeof found === 'number') return found
    begun.at(-1)!.tell(isRight)
    await found
    return isRight
  }
  const outcomes = []
  for (const isRight of [true, true, true, false, true, false, true, false]) outcomes.push(await next(isRight))
  assert.deepEqual(outcomes, [true, true, true, false, true, false, 1_000, 1_000])
})

test('however many are found out, the ones that were asked about last are remembered', async () => {
  const { begun, checks } = world(new Attempts({ burst: 10_000, regainMs: 1 }, () => 1_000))
  const find = async (password: string) => {
    const found = checks.find('a', guess(password))
    begun.at(-1)!.tell(true)
    await found
  }
  await find('kept')
  await find('forgotten')
  for (let i = 0; i < 4_095; i++) {
    await find(`${i}`)
    assert.equal(checks.known(guess('kept')), true)
  }
  assert.equal(checks.known(guess('forgotten')), undefined)
})
