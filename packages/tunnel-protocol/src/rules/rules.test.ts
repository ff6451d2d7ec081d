import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { TunnelError } from '../errors.js'
import { hashPassword } from './password-hash.js'
import { MAX_RULES_LENGTH, parseRules } from './rules.js'

const hash = hashPassword('open sesame', Buffer.alloc(16))
const networks = (count: number) => Array.from({ length: count }, (_, i) => `10.0.0.${i % 256}`)
const users = (count: number) => Array.from({ length: count }, (_, i) => ({ user: `user ${i}`, hash }))

test('rules are what they are given as, in an order of their own, and without what is null', () => {
  const given = {
    password: { hash },
    basicAuth: [{ hash, user: 'älice' }],
    denyIp: null,
    allowIp: ['10.0.0.0/8', '2001:db8::1'],
  }
  const rules = parseRules(given)
  assert.deepEqual(rules, {
    allowIp: ['10.0.0.0/8', '2001:db8::1'],
    basicAuth: [{ user: 'älice', hash }],
    password: { hash },
  })
  const shuffled = { allowIp: given.allowIp, basicAuth: [{ user: 'älice', hash }], password: { hash } }
  assert.equal(JSON.stringify(parseRules(shuffled)), JSON.stringify(rules))
})

test('an object without rules is none', () => {
  assert.equal(parseRules({}), undefined)
  assert.equal(parseRules({ allowIp: null }), undefined)
})

test('as many as there may be are taken', () => {
  assert.equal(parseRules({ allowIp: networks(256) })?.allowIp?.length, 256)
  assert.equal(parseRules({ basicAuth: users(32) })?.basicAuth?.length, 32)
})

const wrong: Array<[unknown, string]> = [
  [null, 'rules: expected an object, found nothing'],
  [[], 'rules: expected an object, found a list'],
  ['x', 'rules: expected an object, found "x"'],
  [{ allowIps: ['::1'] }, 'rules: expected no fields but allowIp, denyIp, basicAuth, password, found "allowIps"'],
  [
    JSON.parse('{"__proto__": 1}'),
    'rules: expected no fields but allowIp, denyIp, basicAuth, password, found "__proto__"',
  ],
  [{ allowIp: [] }, 'rules.allowIp: expected a list of 1 to 256, found one of 0'],
  [{ denyIp: networks(257) }, 'rules.denyIp: expected a list of 1 to 256, found one of 257'],
  [{ allowIp: '10.0.0.0/8' }, 'rules.allowIp: expected a list of 1 to 256, found "10.0.0.0/8"'],
  [
    { allowIp: ['::1', '10.0.0.0/33'] },
    'rules.allowIp[1]: expected an address or CIDR such as 10.0.0.0/8 or 2001:db8::/32, without a zone, found "10.0.0.0/33"',
  ],
  [
    { denyIp: [7] },
    'rules.denyIp[0]: expected an address or CIDR such as 10.0.0.0/8 or 2001:db8::/32, without a zone, found a number',
  ],
  [{ basicAuth: users(33) }, 'rules.basicAuth: expected a list of 1 to 32, found one of 33'],
  [
    { basicAuth: [{ user: 'a:b', hash }] },
    'rules.basicAuth[0].user: expected a name of 1 to 128 characters, none of them a colon or a control character, found another text, of 3 characters',
  ],
  [
    { basicAuth: [{ user: '', hash }] },
    'rules.basicAuth[0].user: expected a name of 1 to 128 characters, none of them a colon or a control character, found another text, of 0 characters',
  ],
  [
    {
      basicAuth: [
        { user: 'a', hash },
        { user: 'a', hash },
      ],
    },
    'rules.basicAuth[1].user: expected each name once, found one that was there before',
  ],
  [
    { basicAuth: [{ user: 'a', hash: 'open sesame' }] },
    'rules.basicAuth[0].hash: expected scrypt$<salt>$<hash>, found another text, of 11 characters',
  ],
  [
    { basicAuth: [{ user: 'a', hash, admin: true }] },
    'rules.basicAuth[0]: expected no fields but user, hash, found "admin"',
  ],
  [{ password: 'open sesame' }, 'rules.password: expected an object, found another text, of 11 characters'],
  [{ basicAuth: 'a:secret' }, 'rules.basicAuth: expected a list of 1 to 32, found another text, of 8 characters'],
  [{ basicAuth: ['a:secret'] }, 'rules.basicAuth[0]: expected an object, found another text, of 8 characters'],
  [{ password: {} }, 'rules.password.hash: expected scrypt$<salt>$<hash>, found nothing'],
]
for (const [given, message] of wrong) {
  test(`${JSON.stringify(given).slice(0, 80)} is refused: ${message.slice(0, 80)}`, () => {
    const refused = (error: unknown) =>
      error instanceof TunnelError && error.code === 'TUN_ERR_RULES' && error.detail === message
    assert.throws(() => parseRules(given), refused)
  })
}

test('rules that are too long together are refused', () => {
  const address = `${'2001:0db8:'.repeat(3)}2001:0db8/128`
  const long = (letter: string) => users(32).map(({ user }) => ({ user: user.padEnd(128, letter), hash }))
  const many = { allowIp: Array(256).fill(address), denyIp: Array(256).fill(address), basicAuth: long('x') }
  assert.doesNotThrow(() => parseRules(many))
  const tooLong = { ...many, basicAuth: long('"') } // written as two characters each
  assert.throws(() => parseRules(tooLong), new RegExp(`expected at most ${MAX_RULES_LENGTH} characters as JSON`))
})

test('whatever comes, it is rules or a refusal that names the field and shows no more than a line of it', () => {
  const check = fc.property(
    fc.anything(),
    fc.constantFrom('', 'allowIp', 'denyIp', 'basicAuth', 'password'),
    (value, name) => {
      try {
        parseRules(name === '' ? value : { [name]: value })
      } catch (error) {
        assert.ok(error instanceof TunnelError && error.code === 'TUN_ERR_RULES', String(error))
        assert.match(error.detail, /^rules[\w.[\]]*: expected .{1,140}, found .{1,70}$/s)
      }
    },
  )
  fc.assert(check, { numRuns: 2_000 })
})
