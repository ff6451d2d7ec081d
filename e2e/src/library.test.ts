import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type ClaimStore, TunnelError, tunnel } from 'tunnel-client'
import { visit } from './support/visitor.js'
import { World } from './support/world.js'

/** Keeps claims out of the folder of whoever runs the tests. */
function claimsInMemory(): ClaimStore {
  const claims = new Map<string, string>()
  return {
    get: (server, name) => claims.get(`${server} ${name}`),
    set: (server, name, claim) => void claims.set(`${server} ${name}`, claim),
  }
}

test('a program opens a tunnel, is visited at once, hears of the request, and exits by itself after close()', async () => {
  await using world = await World.start()
  const script = fileURLToPath(new URL('./support/library-child.js', import.meta.url))
  const child = world.run(script, ['fromlib'], { TUNNEL_SERVER: world.url })
  assert.equal(await child.exitCode(), 0, child.output)
  assert.equal(child.stderr, '')
  assert.deepEqual(JSON.parse(child.stdout), {
    url: `http://fromlib.localhost:${world.port}`,
    name: 'fromlib',
    requests: ['GET /now?x=1'],
    answer: { status: 200, text: 'library app at /now?x=1' },
  })
  assert.equal((await visit(world, 'fromlib', '/')).status, 404)
})

test('tunnel() resolves when its URL answers, every time', async () => {
  await using world = await World.start()
  const port = await world.app((_request, response) => response.end('here'))
  for (let i = 0; i < 20; i++) {
    const opened = await tunnel({ port, server: world.url, claims: claimsInMemory() })
    try {
      assert.equal(opened.url, `http://${opened.name}.localhost:${world.port}`)
      const answer = await visit(world, opened.name, '/')
      assert.deepEqual([answer.status, answer.text], [200, 'here'])
    } finally {
      await opened.close()
    }
    assert.equal((await visit(world, opened.name, '/')).status, 404)
  }
})

test('close() lets a request that is open end first', async () => {
  await using world = await World.start()
  let arrived!: (finish: () => void) => void
  const open = new Promise<() => void>((resolve) => {
    arrived = resolve
  })
  const port = await world.app((_request, response) => arrived(() => response.end('in the end')))
  const opened = await tunnel({ port, subdomain: 'slow', server: world.url, claims: claimsInMemory() })
  const answer = visit(world, 'slow', '/')
  const finish = await open
  const closed = opened.close(30_000)
  finish()
  assert.equal((await answer).text, 'in the end')
  await closed
})

test('tunnel() rejects with the code of what the server refuses', async () => {
  await using world = await World.start({ env: { TUNNEL_TOKENS: 'right' } })
  const options = { port: 1, server: world.url, claims: claimsInMemory() }
  const holder = await tunnel({ ...options, subdomain: 'held', token: 'right' })
  try {
    const rows = [
      [{ subdomain: 'held', token: 'right' }, 'TUN_ERR_NAME_TAKEN'],
      [{ subdomain: 'not a name', token: 'right' }, 'TUN_ERR_NAME_INVALID'],
      [{ subdomain: 'other', token: 'wrong' }, 'TUN_ERR_UNAUTHORIZED'],
    ] as const
    for (const [given, code] of rows) {
      await assert.rejects(tunnel({ ...options, claims: claimsInMemory(), ...given }), (error) => {
        assert.ok(error instanceof TunnelError)
        assert.equal(error.code, code)
        return true
      })
    }
  } finally {
    await holder.close()
  }
})

test('tunnel() gives up on a server that cannot be reached, when told how long to try', async () => {
  await using world = await World.start()
  const server = world.url
  world.server.kill('SIGKILL')
  await world.server.exited
  await assert.rejects(tunnel({ port: 1, server, connectTimeoutMs: 300, claims: claimsInMemory() }), {
    code: 'TUN_ERR_CONNECT',
  })
})
