import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Running } from './support/process.js'
import { visit } from './support/visitor.js'
import { root, serverBin, tunnelBin, World } from './support/world.js'

const skip = existsSync(join(root, 'packages/tunnel-server/src/api/me.ts')) ? false : 'the server keeps no accounts yet'

async function ended(running: Running, code = 0): Promise<Running> {
  assert.equal(await running.exitCode(), code, running.output)
  return running
}

test('from a new account to a shared app: token, login, whoami, tunnel, logout', { skip }, async () => {
  await using world = await World.start()
  const server = (...args: string[]) => ended(world.run(serverBin, [...args, '--data-dir', world.dataDir]))
  const tunnel = (args: string[], code?: number) => ended(world.run(tunnelBin, args), code)
  await server('account', 'add', 'alice')
  const { stdout } = await server('token', 'create', 'alice')
  const token = stdout.trim()

  const wrong = await tunnel(
    ['login', world.url, '--token', `${token.slice(0, -1)}${token.endsWith('a') ? 'b' : 'a'}`],
    77,
  )
  assert.match(wrong.stderr, /^tunnel: http:\/\/localhost:\d+ does not accept this token\n$/)
  const login = world.run(tunnelBin, ['login', world.url, '--name', 'work'], {}, [], { typed: true })
  login.child.stdin!.end(stdout)
  await ended(login)
  assert.match(login.stdout, /^Logged in to http:\/\/localhost:\d+ as alice\.\n"tunnel -p 8080" uses it\.\n/)
  assert.match(
    (await tunnel(['whoami', 'work'])).stdout,
    /^alice \(user\)\nNames {3}any that is free\nLimits {2}tunnels \d+\nServer /,
  )

  const port = await world.app((_request, response) => response.end('the app'))
  const agent = await world.agent('demo', port, { env: { TUNNEL_SERVER: '' } })
  assert.equal((await visit(world, 'demo', '/')).text, 'the app')
  agent.kill('SIGINT')
  await ended(agent)
  await tunnel(['logout'])
  assert.match((await tunnel(['whoami', world.url], 77)).stderr, /wants a token: tunnel login http:\/\/localhost:/)
  for (const { output } of [wrong, login, agent, world.server]) assert.ok(!output.includes(token))
})
