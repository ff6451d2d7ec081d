import assert from 'node:assert/strict'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { beside, newAccount, told } from './support/accounts.js'
import { eventually, Running } from './support/process.js'
import { find } from './support/programs.js'
import { root, serverBin, World } from './support/world.js'

const ROUNDS = 200
const WRITERS = ['a', 'b']
const writerFile = join(root, 'e2e/dist/support/account-writer.js')

/** Names of the accounts in a store, of which each is as whole as it was written: with its record. */
async function namesIn(folder: string): Promise<Set<string>> {
  // The store is no part of the package's public surface: read from where the commands read it.
  const from = (file: string) => import(pathToFileURL(join(root, 'packages/tunnel-server/dist', file)).href)
  const [{ Database }, { Accounts }] = await Promise.all([from('store/database.js'), from('accounts/accounts.js')])
  const database = Database.open(folder)
  const accounts = new Accounts(database)
  const names = new Set<string>(accounts.list().map(({ name }: { name: string }) => name))
  const recorded = accounts.history(1_000_000).map(({ subject }: { subject: string }) => subject)
  database.close()
  assert.deepEqual(new Set(recorded), names)
  return names
}

test(`processes that are killed while they write, ${ROUNDS} times: the store opens, and every change that was acknowledged is there`, async (t) => {
  await using world = await World.start()
  await told(world, 'account', 'add', 'first')
  world.server.kill('SIGKILL')
  await world.server.exited
  const acknowledged = new Set<string>(['first'])
  for (let round = 0; round < ROUNDS; round++) {
    const writers = WRITERS.map((name) => world.run(writerFile, [world.dataDir, `${name}${round}-`]))
    const enough = new RegExp(`(.*\n){${1 + Math.floor(Math.random() * 10)}}`)
    await Promise.all(writers.map((writer) => writer.waitFor(enough, 'stdout')))
    for (const writer of writers) writer.kill('SIGKILL')
    for (const writer of writers) {
      await writer.exited
      for (const line of writer.stdout.split('\n').slice(0, -1)) acknowledged.add(line)
    }
    const names = await namesIn(world.dataDir)
    for (const name of acknowledged) assert.ok(names.has(name), `${name} is lost in round ${round}`)
    assert.ok(names.size <= acknowledged.size + WRITERS.length * (round + 1))
  }
  t.diagnostic(`${acknowledged.size} changes acknowledged`)
})

test('a backup that is made while others write opens, passes the checks, and has all that was there when it began', async () => {
  await using world = await World.start()
  await told(world, 'account', 'add', 'first')
  const writers = WRITERS.map((name) => world.run(writerFile, [world.dataDir, name]))
  for (let i = 0; i < 5; i++) {
    const seen = writers.map(({ stdout }) => stdout.length)
    await eventually('more is written', () => writers.every(({ stdout }, i) => stdout.length > seen[i]!))
    const before = writers.flatMap(({ stdout }) => stdout.split('\n').slice(0, -1))
    const folder = world.path(`backup-${i}`)
    mkdirSync(folder)
    const file = join(folder, 'tunnel.db')
    assert.match(await told(world, 'backup', file), /is a copy of/)
    assert.equal(statSync(file).mode & 0o777, 0o600)
    const names = await namesIn(folder)
    for (const name of ['first', ...before]) assert.ok(names.has(name), `${name} is not in backup ${i}`)
  }
  const again = beside(world, 'backup', join(world.path('backup-0'), 'tunnel.db'))
  assert.equal(await again.exitCode(), 78)
  assert.match(again.stderr, /it is there already/)
})

test('a server whose store is damaged does not start, says why in a line, and leaves it as it is; so do the commands', async () => {
  await using world = await World.start()
  await newAccount(world, 'me')
  world.server.kill()
  await world.server.exitCode()
  const path = join(world.dataDir, 'tunnel.db')
  truncateSync(path, statSync(path).size - 1_000)
  for (const end of ['-wal', '-shm']) if (existsSync(`${path}${end}`)) writeFileSync(`${path}${end}`, '')
  const before = readFileSync(path)
  for (const command of [
    world.run(serverBin, ['--port', '0', '--data-dir', world.dataDir]),
    world.run(serverBin, ['--port', '0', '--data-dir', world.dataDir, '--workers', '2']),
    beside(world, 'account', 'list'),
    beside(world, 'account', 'add', 'x'),
    beside(world, 'backup', world.path('copy')),
  ]) {
    assert.equal(await command.exitCode(), 74, command.output)
    assert.match(
      command.stderr,
      /^tunnel-server: \S+tunnel\.db can't be used: it is damaged.*; put a backup in its place.*\n$/,
    )
    assert.equal(command.stdout, '')
  }
  assert.deepEqual(readFileSync(path), before)
  assert.equal(existsSync(world.path('copy')), false)
})

const NOBODY = 65_534
const isRoot = process.getuid?.() === 0
/** Root may write anything: the server runs as somebody else then. */
const launcher = isRoot ? [find('setpriv') ?? '', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'] : []

test('a store that the server may not write to ends its start, and is left as it is', {
  skip: launcher[0] === '' ? 'needs setpriv' : false,
}, async () => {
  await using world = await World.start()
  await newAccount(world, 'me')
  world.server.kill()
  await world.server.exitCode()
  const path = join(world.dataDir, 'tunnel.db')
  if (isRoot) {
    chmodSync(world.path('.'), 0o755)
    for (const file of ['.', ...readdirSync(world.dataDir)]) chownSync(join(world.dataDir, file), NOBODY, NOBODY)
  }
  const before = readFileSync(path)
  const start = async () => {
    const args = ['--port', '0', '--data-dir', world.dataDir]
    await using server = new Running(
      launcher[0] ?? process.execPath,
      [...launcher.slice(1), ...(isRoot ? [process.execPath] : []), serverBin, ...args],
      {
        env: { HOME: world.dataDir },
      },
    )
    assert.equal(await server.exitCode(), 74, server.output)
    return server.stderr
  }
  chmodSync(path, 0o400)
  assert.match(
    await start(),
    /tunnel\.db can't be used: it can't be written \(EACCES\); the file and its folder have to belong/,
  )
  chmodSync(path, 0o000)
  assert.match(await start(), /tunnel\.db can't be used: it can't be read \(EACCES\)/)
  chmodSync(path, 0o600)
  assert.deepEqual(readFileSync(path), before)
})
