import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { formatServers, type KnownServer, withServer } from './known-servers.js'
import { ServersFile, serversPath } from './servers-file.js'

const posix = process.platform === 'win32' ? 'Windows has no modes' : false
const work: KnownServer = { name: 'work', url: 'https://tunnel.example.com', token: 'tun_secret', account: 'alice' }
const text = formatServers([work])

function newPath(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'tunnel-servers-'))
  t.after(() => rmSync(folder, { recursive: true }))
  return join(folder, 'config', 'tunnel', 'servers.json')
}

/** With a file in place that holds `content`. */
function existing(t: TestContext, content = text, mode = 0o600): string {
  const path = newPath(t)
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  writeFileSync(path, content)
  chmodSync(path, mode)
  return path
}

const paths: Array<[string, NodeJS.ProcessEnv, NodeJS.Platform, RegExp]> = [
  ['XDG_CONFIG_HOME', { XDG_CONFIG_HOME: '/etc/me' }, 'linux', /^[/\\]etc[/\\]me[/\\]tunnel[/\\]servers\.json$/],
  ['a relative XDG_CONFIG_HOME', { XDG_CONFIG_HOME: 'me' }, 'linux', /[/\\]\.config[/\\]tunnel[/\\]servers\.json$/],
  ['an empty XDG_CONFIG_HOME', { XDG_CONFIG_HOME: '' }, 'darwin', /[/\\]\.config[/\\]tunnel[/\\]servers\.json$/],
  ['nothing', {}, 'linux', /[/\\]\.config[/\\]tunnel[/\\]servers\.json$/],
  ['APPDATA on Windows', { APPDATA: '/roaming', XDG_CONFIG_HOME: '/x' }, 'win32', /^[/\\]roaming[/\\]tunnel[/\\]serv/],
]
for (const [what, env, platform, expected] of paths) {
  test(`with ${what} the file is in its place`, () => assert.match(serversPath(env, platform), expected))
}

test('without a file there are no servers, and reading makes none', (t) => {
  const path = newPath(t)
  assert.deepEqual(new ServersFile(path).read(), [])
  assert.ok(!existsSync(dirname(path)))
})

test('what is kept is read again, by its owner alone, and nothing else is left', { skip: posix }, async (t) => {
  const file = new ServersFile(newPath(t))
  assert.deepEqual(await file.update(() => [work]), [work])
  assert.deepEqual(file.read(), [work])
  await file.update((servers) => withServer(servers, { ...work, name: 'two' }, false))
  assert.deepEqual(
    file.read().map(({ name }) => name),
    ['work', 'two'],
  )
  assert.equal(statSync(file.path).mode & 0o7777, 0o600)
  for (const folder of [dirname(file.path), dirname(dirname(file.path))]) {
    assert.equal(statSync(folder).mode & 0o7777, 0o700)
  }
  assert.deepEqual(readdirSync(dirname(file.path)), ['servers.json'])
})

/** Neither reading nor changing does anything but say why not, and the file stays as it is. */
async function isRefused(path: string, detail: RegExp): Promise<void> {
  const file = new ServersFile(path, 0)
  const refusal = (error: Error & { code?: string; detail?: string }) => {
    assert.equal(error.code, 'TUN_ERR_OPTION')
    assert.match(error.detail!, detail)
    assert.ok(error.detail!.includes(path) || error.detail!.includes(dirname(path)), error.detail)
    assert.ok(!error.detail!.includes('secret'))
    return true
  }
  const before = statSync(path)
  const content = before.isFile() ? readFileSync(path, 'utf8') : undefined
  assert.throws(() => file.read(), refusal)
  await assert.rejects(
    file.update(() => [work]),
    refusal,
  )
  const after = statSync(path)
  assert.deepEqual([after.ino, after.mode, after.uid], [before.ino, before.mode, before.uid])
  if (content !== undefined) assert.equal(readFileSync(path, 'utf8'), content)
  assert.ok(!existsSync(`${path}.lock`))
}

for (const mode of [0o644, 0o640, 0o604, 0o660, 0o601]) {
  test(`a file with mode ${mode.toString(8)} is refused with what to do`, { skip: posix }, async (t) => {
    const path = existing(t, text, mode)
    await isRefused(path, new RegExp(`others may read it \\(mode 0${mode.toString(8)}\\): chmod 600 '`))
  })
}

test('a folder that others may write to is refused, with or without a file in it', { skip: posix }, async (t) => {
  const path = existing(t)
  chmodSync(dirname(path), 0o777)
  await isRefused(path, /others may put files into .* \(mode 0777\): chmod 700 '/)
  rmSync(path)
  const file = new ServersFile(path)
  await assert.rejects(
    file.update(() => [work]),
    /others may put files into/,
  )
  assert.deepEqual(readdirSync(dirname(path)), [])
})

test('a file of another user is refused', {
  skip: process.getuid?.() === 0 ? false : 'needs root, to give a file away',
}, async (t) => {
  const path = existing(t)
  chownSync(path, 4_321, 4_321)
  await isRefused(path, /belongs to another user \(uid 4321\)/)
})

for (const [what, content, detail] of [
  ['cut off', text.slice(0, 70), /cannot be used: it is not JSON\. Repair it, or remove it and log in again/],
  ['empty', '', /cannot be used: it is not JSON/],
  ['something else', '{"secret": 1}', /cannot be used: "version" is not 1/],
  ['of a later version', '{"version": 2}', /a newer version of tunnel wrote it/],
  ['huge', ' '.repeat(1024 * 1024 + 1), /is too large to be ours/],
] as const) {
  test(`a file that is ${what} is refused and stays as it is`, async (t) => isRefused(existing(t, content), detail))
}

test('a folder in its place is refused', async (t) => {
  const path = newPath(t)
  mkdirSync(path, { recursive: true, mode: 0o700 })
  await isRefused(path, /is not a file|cannot be read \(E/)
})

test('a pipe in its place is refused, and nobody waits for its writer', { skip: posix }, async (t) => {
  const path = newPath(t)
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  assert.equal(spawnSync('mkfifo', ['-m', '600', path]).status, 0)
  await isRefused(path, /is not a file/)
})

test('a file where its folder should be is told as such', async (t) => {
  const path = newPath(t)
  mkdirSync(dirname(dirname(path)), { recursive: true })
  writeFileSync(dirname(path), '')
  await assert.rejects(
    new ServersFile(path, 0).update(() => [work]),
    { code: 'TUN_ERR_OPTION', detail: /cannot be written \((EEXIST|ENOTDIR)\)/ },
  )
})

test('what a process left behind that ended in the middle does no harm, and is named', async (t) => {
  const path = existing(t)
  writeFileSync(`${path}.lock`, text.slice(0, 20))
  const file = new ServersFile(path, 50)
  assert.deepEqual(file.read(), [work])
  await assert.rejects(
    file.update(() => []),
    (error: Error) =>
      /one was ended in the middle: remove /.test(error.message) && error.message.includes(`${path}.lock`),
  )
  assert.deepEqual(file.read(), [work])
  rmSync(`${path}.lock`)
  assert.deepEqual(await file.update(() => []), [])
})

test('a change that fails leaves everything as it was', async (t) => {
  const file = new ServersFile(existing(t))
  const change = () => {
    throw new Error('no')
  }
  await assert.rejects(file.update(change), { code: 'TUN_ERR_OPTION', detail: /cannot be written \(no\)/ })
  assert.equal(readFileSync(file.path, 'utf8'), text)
  assert.deepEqual(readdirSync(dirname(file.path)), ['servers.json'])
})

test('several processes that log in at once lose nothing, and whoever reads meanwhile sees whole files', async (t) => {
  const path = newPath(t)
  const module = new URL('./servers-file.js', import.meta.url).href
  const script = `
    import { ServersFile } from ${JSON.stringify(module)}
    const file = new ServersFile(process.argv[1], 60_000)
    for (let i = 0; i < 20; i++) {
      const name = process.argv[2] + '-' + i
      await file.update((servers) => [...servers, { name, url: 'https://' + name + '.test', token: name, account: undefined }])
    }`
  const writers = ['a', 'b', 'c', 'd'].map((who) =>
    spawn(process.execPath, ['--input-type=module', '-e', script, path, who], {
      stdio: ['ignore', 'ignore', 'inherit'],
    }),
  )
  const ended = Promise.all(writers.map((writer) => once(writer, 'exit')))
  const file = new ServersFile(path)
  let seen = 0
  let over = false
  void ended.then(() => {
    over = true
  })
  while (!over) {
    const count = file.read().length
    assert.ok(count >= seen, 'what was there is there')
    seen = count
    await new Promise((resolve) => setImmediate(resolve))
  }
  for (const [code] of await ended) assert.equal(code, 0)
  assert.equal(new Set(file.read().map(({ name }) => name)).size, 80)
  assert.deepEqual(readdirSync(dirname(path)), ['servers.json'])
})
