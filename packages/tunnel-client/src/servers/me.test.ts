import assert from 'node:assert/strict'
import { once } from 'node:events'
import http, { type RequestListener } from 'node:http'
import net, { type AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { Outbound } from '../outbound/outbound.js'
import { askMe, printable } from './me.js'

const alice = { name: 'alice', role: 'user', names: ['alice', 'alice-*'], limits: { tunnels: 5 } }
const known = { account: alice, server: 'tunnel-server/0.1.0', domain: 'tunnel.example.com', open: false }
const open = { ...known, account: null, open: true }

async function listen(t: TestContext, server: net.Server): Promise<string> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function ask(t: TestContext, listener: RequestListener, token?: string): Promise<unknown> {
  const url = await listen(t, http.createServer(listener))
  try {
    return await askMe(url, token, new Outbound(url))
  } catch (error) {
    const { code, detail } = error as { code: string; detail: string }
    return [code, detail.replaceAll(url, 'URL')]
  }
}

test('the token is shown in one field of a request for /api/v1/me', async (t) => {
  const seen: unknown[] = []
  const me = await ask(
    t,
    ({ method, url, headers }, response) => {
      seen.push(method, url, headers.authorization)
      response.end(JSON.stringify(known))
    },
    'tun_1',
  )
  assert.deepEqual(me, known)
  assert.deepEqual(seen, ['GET', '/api/v1/me', 'Bearer tun_1'])
})

test('without a token nothing is shown, and an open server says so', async (t) => {
  const me = await ask(t, ({ headers }, response) => {
    assert.equal(headers.authorization, undefined)
    response.end(JSON.stringify(open))
  })
  assert.deepEqual(me, open)
})

const error = (code: string, message: string) => JSON.stringify({ error: { code, message } })
const NOT = 'TUN_ERR_NOT_A_SERVER'
const answers: Array<[string, number, string, [string, string]]> = [
  [
    'an unknown token',
    401,
    error('TUN_ERR_UNAUTHORIZED', 'x'),
    ['TUN_ERR_UNAUTHORIZED', 'URL does not accept this token'],
  ],
  ['a ban', 403, error('TUN_ERR_FORBIDDEN', 'banned: spam'), ['TUN_ERR_FORBIDDEN', 'URL refuses: banned: spam']],
  [
    'a ban that would do something to a terminal',
    403,
    error('TUN_ERR_FORBIDDEN', 'a\u001b[2J\r\nb'),
    ['TUN_ERR_FORBIDDEN', 'URL refuses: a [2J b'],
  ],
  ['a limit', 400, error('TUN_ERR_ACCOUNT_LIMIT', 'slow down'), ['TUN_ERR_ACCOUNT_LIMIT', 'URL refuses: slow down']],
  ['a restart', 503, 'later', ['TUN_ERR_CONNECT', 'cannot reach URL: it answered 503']],
  ['a page', 200, '<!doctype html>', [NOT, 'URL answers, but is not a tunnel-server']],
  ['other JSON', 200, '{"account":{}}', [NOT, 'URL answers, but is not a tunnel-server']],
  [
    'an account without a name',
    200,
    JSON.stringify({ ...known, account: {} }),
    [NOT, 'URL answers, but is not a tunnel-server'],
  ],
  [
    'nobody on a server that is not open',
    200,
    JSON.stringify({ ...open, open: false }),
    [NOT, 'URL answers, but is not a tunnel-server'],
  ],
  ['nothing there', 404, error('NOT_FOUND', 'x'), [NOT, 'URL answered 404, it is not a tunnel-server']],
  ['a wish for a password', 401, 'who are you?', [NOT, 'URL answered 401, it is not a tunnel-server']],
  ['somebody else’s JSON', 401, error('unauthorized', 'x'), [NOT, 'URL answered 401, it is not a tunnel-server']],
]
for (const [what, status, body, expected] of answers) {
  test(`${what} (${status}) is ${expected[0]}`, async (t) => {
    const answer = await ask(t, (_, response) => response.writeHead(status).end(body), 'tun_secret')
    assert.deepEqual(answer, expected)
  })
}

test('a redirect is not followed, and the token goes nowhere else', async (t) => {
  let asked = 0
  const elsewhere = await listen(
    t,
    http.createServer(() => asked++),
  )
  const answer = await ask(t, (_, response) => response.writeHead(302, { location: `${elsewhere}/x` }).end(), 'tun_1')
  assert.deepEqual(answer, [NOT, `URL leads to ${elsewhere}: if that is your server, name it`])
  assert.equal(asked, 0)
})

test('an answer that goes on and on is not read to its end', async (t) => {
  const answer = await ask(t, (_, response) => {
    response.on('error', () => {})
    const more = () => {
      while (!response.destroyed && response.write('x'.repeat(65_536)));
      response.once('drain', more)
    }
    more()
  })
  assert.deepEqual(answer, [NOT, 'URL answers, but is not a tunnel-server'])
})

test('what breaks off, or is no HTTP, is told as such', async (t) => {
  for (const [bytes, code] of [
    ['HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"acc', 'TUN_ERR_CONNECT'],
    ['', 'TUN_ERR_CONNECT'],
    ['SSH-2.0-OpenSSH_9.2\r\n', NOT],
  ] as const) {
    const server = net.createServer((socket) => {
      socket.on('error', () => {})
      socket.once('data', () => socket.end(bytes))
    })
    const url = await listen(t, server)
    await assert.rejects(askMe(url, 'tun_secret', new Outbound(url)), { code })
  }
})

test('what can’t be a token is refused before anybody sees it', async (t) => {
  for (const token of ['', 'a b', 'a\r\nX: y', 'ü']) {
    const answer = await ask(t, () => assert.fail('asked'), token)
    assert.deepEqual(answer, ['TUN_ERR_OPTION', 'token: expected letters, digits and signs, without spaces'])
  }
})

test('what is shown of a server does nothing to a terminal', () => {
  assert.equal(printable('a\u001b]0;x\u0007b\u202ec\u2028d\u009be'), 'a ]0;x b c d e')
  assert.equal(printable('älice-*, 名'), 'älice-*, 名')
})
