import assert from 'node:assert/strict'
import {
  chmodSync,
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { DATABASE_FILE, Database } from './database.js'
import { connect } from './libsql.js'
import { migrations } from './migrations.js'

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'tunnel-database-'))
  t.after(() => rmSync(path, { recursive: true, force: true }))
  return path
}

const fileIn = (path: string) => join(path, DATABASE_FILE)
const mode = (path: string) => statSync(path).mode & 0o777

function note(database: Database, subject: string): void {
  database.write((sql) => {
    sql.run("INSERT INTO audit (at, actor, via, action, subject, details) VALUES (1, 'a', 'b', 'c', ?, '{}')", subject)
  })
}

function notes(database: Database): string[] {
  return database
    .read((sql) => sql.all<{ subject: string }>('SELECT subject FROM audit ORDER BY id'))
    .map(({ subject }) => subject)
}

/** A folder with a store that holds a few hundred notes, closed. */
function filled(t: TestContext): string {
  const path = folder(t)
  const database = Database.open(path)
  database.write((sql) => {
    for (let i = 0; i < 500; i++) {
      const text = "INSERT INTO audit (at, actor, via, action, subject, details) VALUES (1, 'a', 'b', 'c', ?, '{}')"
      sql.run(text, `note ${i} ${'x'.repeat(100)}`)
    }
  })
  settle(path, database)
  return path
}

/** Bring all that is written into the file itself, as it is when nobody has it open. */
function settle(path: string, database: Database): void {
  database.close()
  const connection = connect(fileIn(path), 1_000)
  connection.prepare('PRAGMA wal_checkpoint(TRUNCATE)').all([])
  connection.close()
  for (const end of ['-wal', '-shm']) rmSync(`${fileIn(path)}${end}`, { force: true })
}

test('what is written is read again, by others that have it open and by the next process', (t) => {
  const path = folder(t)
  const [one, two] = [Database.open(path), Database.open(path)]
  note(one, 'first')
  note(two, 'second')
  for (const database of [one, two]) assert.deepEqual(notes(database), ['first', 'second'])
  one.close()
  two.close()
  const next = Database.open(path)
  assert.deepEqual(notes(next), ['first', 'second'])
  next.close()
})

test('texts are read as they were written, and rows in the order that was asked for', (t) => {
  const database = Database.open(folder(t))
  const texts = [
    '',
    ' ',
    '"\'\\',
    'two\nlines\t\u0001',
    'ü €𝄞',
    '[1,{"a":null}]',
    '\ufeffmark',
    'null',
    '5',
    'x'.repeat(100_000),
  ]
  for (const text of texts) note(database, text)
  assert.deepEqual(notes(database), texts)
  const query = 'SELECT id, at, address, subject FROM audit WHERE id > ? ORDER BY id DESC LIMIT ?'
  assert.deepEqual(
    database.read((sql) => sql.all(query, 7, 2)),
    [
      { id: 10, at: 1, address: null, subject: texts[9] },
      { id: 9, at: 1, address: null, subject: '5' },
    ],
  )
  assert.deepEqual(
    database.read((sql) => sql.all(query, 100, 2)),
    [],
  )
  database.close()
})

test('all its files are for our user alone', (t) => {
  const path = join(folder(t), 'deep')
  mkdirSync(path, { mode: 0o700 })
  const database = Database.open(path)
  note(database, 'one')
  const files = readdirSync(path)
  assert.ok(files.includes(DATABASE_FILE))
  for (const file of files) assert.equal(mode(join(path, file)), 0o600, file)
  database.close()
})

test('a transaction that fails leaves nothing, and the next one works', (t) => {
  const database = Database.open(folder(t))
  assert.throws(
    () =>
      database.write((sql) => {
        sql.run("INSERT INTO audit (at, actor, via, action, subject, details) VALUES (1, '', '', '', 'lost', '{}')")
        throw new Error('no')
      }),
    /^Error: no$/,
  )
  assert.throws(() => database.write((sql) => sql.run("INSERT INTO accounts (id) VALUES ('x')")), /NOT NULL/)
  note(database, 'kept')
  assert.deepEqual(notes(database), ['kept'])
  database.close()
})

test('a lock that another process does not give back is an error after a while, and afterwards all is as before', (t) => {
  const path = folder(t)
  const database = Database.open(path)
  const other = connect(fileIn(path), 100)
  other.exec('BEGIN IMMEDIATE')
  const locked = { code: 'TUN_ERR_DATA', message: /tunnel\.db can't be used: another process keeps it locked/ }
  for (let i = 0; i < 2; i++) assert.throws(() => note(database, 'refused'), locked)
  assert.deepEqual(notes(database), [], 'readers do not wait')
  other.exec('ROLLBACK')
  note(database, 'one')
  note(database, 'two')
  assert.deepEqual(notes(database), ['one', 'two'])
  database.close()
  other.close()
})

test('changes are told: our own at once, those of others when they are looked for', async (t) => {
  const path = folder(t)
  const [one, two] = [Database.open(path), Database.open(path)]
  t.after(() => {
    for (const database of [one, two]) database.close()
  })
  const heard: string[][] = []
  const alive = setInterval(() => {}, 1_000)
  t.after(() => clearInterval(alive))
  const told = new Promise<void>((resolve) => {
    one.watch(
      () => {
        heard.push(notes(one))
        if (heard.length === 2) resolve()
      },
      (error) => assert.fail(error),
    )
  })
  note(one, 'ours')
  assert.deepEqual(heard, [['ours']])
  note(two, 'theirs')
  await told
  assert.deepEqual(heard[1], ['ours', 'theirs'])
  note(two, 'more')
  for (let i = 0; i < 3; i++) one.look()
  assert.equal(heard.length, 3)
})

test('a backup is a whole copy of one moment, for our user alone, and never written over another file', (t) => {
  const path = folder(t)
  const database = Database.open(path)
  note(database, 'one')
  const copy = join(path, "it's a copy.db")
  database.backup(copy)
  note(database, 'two')
  assert.equal(mode(copy), 0o600)
  const before = readFileSync(copy)
  for (const there of [copy, path]) {
    assert.throws(() => database.backup(there), { code: 'TUN_ERR_OPTION', message: /: it is there already$/ })
  }
  assert.throws(() => database.backup(join(path, 'no/such/folder')), { code: 'TUN_ERR_OPTION', message: /ENOENT/ })
  assert.deepEqual(readFileSync(copy), before)
  database.close()
  const restored = folder(t)
  cpSync(copy, fileIn(restored))
  const again = Database.open(restored)
  assert.deepEqual(notes(again), ['one'])
  note(again, 'three')
  assert.deepEqual(notes(again), ['one', 'three'])
  again.close()
})

/** The store is refused, with words about what is wrong and what to do, and left as it is. */
function isRefused(path: string, message: RegExp): void {
  const before = snapshot(path)
  for (let i = 0; i < 2; i++) {
    assert.throws(
      () => Database.open(path),
      (error: Error & { code?: string }) => {
        assert.equal(error.code, 'TUN_ERR_DATA', String(error.stack))
        assert.match(error.message, message)
        assert.match(error.message, /tunnel\.db can't be used: .*; \w+/)
        return true
      },
    )
  }
  assert.deepEqual(snapshot(path), before)
}

function snapshot(path: string): unknown {
  return readdirSync(path)
    .filter((file) => !/-(wal|shm)$/.test(file))
    .map((file) => [file, statSync(join(path, file)).isFile() ? readFileSync(join(path, file)).toString('hex') : ''])
}

const GARBAGE = Buffer.alloc(2_000, 'garbage ')

function scribble(path: string, offset: number): void {
  const file = openSync(path, 'r+')
  writeSync(file, GARBAGE, 0, GARBAGE.length, offset)
  closeSync(file)
}

const broken: Array<[what: string, make: (path: string) => void, message: RegExp]> = [
  ['text', (path) => writeFileSync(path, 'accounts: none\n'), /it is damaged, or was never a database/],
  ['nothing in it', (path) => truncateSync(path, 0), /it is empty; put a backup in its place/],
  ['half a header', (path) => truncateSync(path, 50), /it is damaged/],
  ['one page', (path) => truncateSync(path, 4_096), /it is damaged/],
  ['half its length', (path) => truncateSync(path, statSync(path).size >> 1), /it is damaged/],
  ['a byte too little', (path) => truncateSync(path, statSync(path).size - 1), /it is damaged/],
  ['garbage in its head', (path) => scribble(path, 0), /it is damaged/],
  ['garbage in its schema', (path) => scribble(path, 2_000), /it is damaged/],
  ['garbage in its middle', (path) => scribble(path, (statSync(path).size >> 13) * 4_096), /it is damaged/],
  [
    'a folder in its place',
    (path) => {
      rmSync(path)
      mkdirSync(path)
    },
    /it is no file/,
  ],
]
for (const [what, make, message] of broken) {
  test(`a store with ${what} is refused and left as it is`, (t) => {
    const path = filled(t)
    make(fileIn(path))
    isRefused(path, message)
  })
}

test('garbage anywhere in the file is refused, or read as what it is: it never ends the process', (t) => {
  const path = filled(t)
  const original = readFileSync(fileIn(path))
  for (let at = 100; at < original.length; at += 701) {
    const bytes = Buffer.from(original)
    GARBAGE.copy(bytes, at, 0, 60)
    bytes.fill(0xff, at + 60, Math.min(at + 90, bytes.length))
    writeFileSync(fileIn(path), bytes)
    for (const end of ['-wal', '-shm']) rmSync(`${fileIn(path)}${end}`, { force: true })
    try {
      const database = Database.open(path)
      notes(database)
      database.close()
    } catch (error) {
      assert.equal((error as { code?: string }).code, 'TUN_ERR_DATA', String((error as Error).stack))
    }
  }
})

test('a database of another program is refused and left as it is', (t) => {
  const path = folder(t)
  const connection = connect(fileIn(path), 1_000)
  connection.exec('CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)')
  connection.close()
  isRefused(path, /it is a database of another program; move it away/)
})

test('a store of a newer version is refused and left as it is', (t) => {
  const path = filled(t)
  const connection = connect(fileIn(path), 1_000)
  connection.exec(`PRAGMA user_version = ${migrations.length + 1}`)
  connection.prepare('PRAGMA wal_checkpoint(TRUNCATE)').all([])
  connection.close()
  isRefused(path, /it is of a newer tunnel-server \(version \d+, this one knows those up to \d+\); use that one/)
})

test('a store whose version is only in its log yet is refused too', (t) => {
  const path = filled(t)
  const connection = connect(fileIn(path), 1_000)
  connection.exec(`PRAGMA wal_autocheckpoint = 0; PRAGMA user_version = ${migrations.length + 1}`)
  assert.throws(() => Database.open(path), { code: 'TUN_ERR_DATA', message: /it is of a newer tunnel-server/ })
  connection.close()
})

test('a log without its store is refused, and no store is made beside it', (t) => {
  const path = filled(t)
  rmSync(fileIn(path))
  writeFileSync(`${fileIn(path)}-wal`, 'a log')
  isRefused(path, /it is missing, but its log \(-wal\) is there/)
  assert.equal(existsSync(fileIn(path)), false)
})

test('whoever only looks for a store makes none', (t) => {
  const path = folder(t)
  assert.throws(() => Database.open(path, { create: false }), {
    code: 'TUN_ERR_DATA',
    message: /can't be read \(ENOENT\)/,
  })
  assert.deepEqual(readdirSync(path), [])
})

test('a store that can not be written is refused', {
  skip: process.getuid?.() === 0 && 'root may write anything',
}, (t) => {
  const path = filled(t)
  chmodSync(fileIn(path), 0o400)
  isRefused(path, /it can't be written \(EACCES\); the file and its folder have to belong to the user that runs this/)
  chmodSync(fileIn(path), 0o600)
  chmodSync(path, 0o500)
  isRefused(path, /it can't be written \(EACCES\)/)
  chmodSync(path, 0o700)
})
