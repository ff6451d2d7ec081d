import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type Logger, silentLogger } from 'tunnel-protocol'
import { newTenure } from '../registry/claims.js'
import type { NameRecord } from '../registry/holding.js'
import { dataFolder } from './data-folder.js'
import { claimKey } from './key-file.js'
import { NameStore, readNames } from './name-store.js'

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'tunnel-store-'))
  t.after(() => rmSync(path, { recursive: true, force: true }))
  return path
}

const record = (name: string): NameRecord => ({ name, account: 'a', tenure: newTenure(), pooled: false })
const mode = (path: string) => statSync(path).mode & 0o777
const saved = (store: NameStore) => new Promise<void>((then) => store.whenSaved(then))

/** A logger that remembers. */
function remembering(): Logger & { lines: string[] } {
  const lines: string[] = []
  const add = (_fields: object, message: string) => void lines.push(message)
  return { ...silentLogger, lines, info: add, warn: add, error: add }
}

test('the folder is the one given, else that of systemd, else one of the user, and is made for us alone', (t) => {
  const top = folder(t)
  const env = { STATE_DIRECTORY: `${top}/systemd:/other`, XDG_STATE_HOME: `${top}/xdg`, HOME: top }
  assert.equal(dataFolder(`${top}/given/deep`, env), `${top}/given/deep`)
  assert.equal(dataFolder(undefined, env), `${top}/systemd`)
  assert.equal(dataFolder(undefined, { ...env, STATE_DIRECTORY: '' }), `${top}/xdg/tunnel-server`)
  for (const made of ['given/deep', 'systemd', 'xdg/tunnel-server']) assert.equal(mode(join(top, made)), 0o700)
  writeFileSync(join(top, 'file'), '')
  assert.throws(() => dataFolder(join(top, 'file')), {
    code: 'TUN_ERR_OPTION',
    message: /--data-dir: .*file can't be used \(EEXIST\): it has to be a folder/,
  })
})

test('a key is made once, for us alone, and stays', (t) => {
  const path = folder(t)
  const key = claimKey(path)
  assert.equal(key.length, 32)
  assert.deepEqual(claimKey(path), key)
  assert.notDeepEqual(claimKey(folder(t)), key)
  assert.deepEqual(readdirSync(path), ['claims.key'])
  assert.equal(mode(join(path, 'claims.key')), 0o600)
})

for (const content of ['', 'short', 'x'.repeat(33)]) {
  test(`a key file of ${content.length} bytes is refused and left as it is`, (t) => {
    const path = folder(t)
    writeFileSync(join(path, 'claims.key'), content)
    assert.throws(() => claimKey(path), {
      code: 'TUN_ERR_OPTION',
      message: /claims\.key is damaged: it has \d+ bytes and not 32/,
    })
    assert.equal(readFileSync(join(path, 'claims.key'), 'utf8'), content)
  })
}

test('names are written, and read by the next process', async (t) => {
  const path = folder(t)
  assert.deepEqual(readNames(path), [])
  const records: NameRecord[] = []
  const store = new NameStore(path, () => records, silentLogger)
  for (const name of ['one', 'two']) {
    records.push(record(name))
    store.changed()
    await saved(store)
    assert.deepEqual(readNames(path), records)
  }
  assert.deepEqual(readdirSync(path), ['names.json'])
  assert.equal(mode(join(path, 'names.json')), 0o600)
})

test('a burst of changes is a write or two, and everyone is told when his is on the disk', async (t) => {
  const path = folder(t)
  const records: NameRecord[] = []
  let writes = 0
  const store = new NameStore(
    path,
    () => {
      writes++
      return records
    },
    silentLogger,
  )
  const told: Array<Promise<void>> = []
  for (let i = 0; i < 500; i++) {
    records.push(record(`n${i}`))
    const name = `n${i}`
    told.push(
      saved(store).then(() =>
        assert.ok(
          readNames(path).some((each) => each.name === name),
          `${name} is not there`,
        ),
      ),
    )
  }
  await Promise.all(told)
  assert.ok(writes <= 2, `${writes} writes`)
  // What changes while a write is under way is in the next one.
  const before = writes
  records.push(record('late'))
  store.changed()
  const first = saved(store)
  while (writes === before) await new Promise((resolve) => setImmediate(resolve))
  records.push(record('later'))
  await Promise.all([first, saved(store)])
  assert.deepEqual(readNames(path), records)
})

test('when closed it writes a last time, and nothing more', async (t) => {
  const path = folder(t)
  const records = [record('one')]
  const store = new NameStore(path, () => records, silentLogger)
  store.changed()
  await store.close()
  assert.deepEqual(readNames(path), records)
  const written = readFileSync(join(path, 'names.json'), 'utf8')
  records.push(record('two'))
  store.changed()
  await saved(store) // nobody waits for what does not come
  await store.close()
  assert.equal(readFileSync(join(path, 'names.json'), 'utf8'), written)
})

test('a disk that fails keeps nobody waiting, is said once, and loses nothing when it works again', async (t) => {
  const path = folder(t)
  const logger = remembering()
  const store = new NameStore(join(path, 'later'), () => [record('one')], logger)
  for (let i = 0; i < 3; i++) await saved(store)
  assert.equal(logger.lines.length, 1)
  assert.match(logger.lines[0]!, /can not be written/)
  assert.equal(dataFolder(join(path, 'later')), join(path, 'later'))
  store.changed()
  await store.close()
  assert.equal(readNames(join(path, 'later')).length, 1)
  assert.match(logger.lines[1]!, /can be written again/)
})

test('a names file that is damaged is refused and left as it is', (t) => {
  const path = folder(t)
  writeFileSync(join(path, 'names.json'), '{"version":1,')
  assert.throws(() => readNames(path), {
    code: 'TUN_ERR_OPTION',
    message: /names\.json can't be read: .*Put it back from a backup; or remove it/,
  })
  assert.equal(readFileSync(join(path, 'names.json'), 'utf8'), '{"version":1,')
})

test('what a server left that was killed while it wrote is removed, what another one is writing is not', (t) => {
  const path = folder(t)
  for (const name of ['names.json.old', 'names.json.new']) writeFileSync(join(path, name), 'half')
  utimesSync(join(path, 'names.json.old'), 1, 1)
  assert.deepEqual(readNames(path), [])
  assert.deepEqual(readdirSync(path), ['names.json.new'])
})
