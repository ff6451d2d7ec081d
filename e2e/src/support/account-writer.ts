// node account-writer.js <folder> <prefix>: makes accounts in the store of a folder, one after the other, and prints the name of each that is done.
import { writeSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { root } from './world.js'

const [folder, prefix] = process.argv.slice(2)
const from = (file: string) => import(pathToFileURL(join(root, 'packages/tunnel-server/dist', file)).href)
const [{ Database }, { Accounts }] = await Promise.all([from('store/database.js'), from('accounts/accounts.js')])
const accounts = new Accounts(Database.open(folder, { busyMs: 60_000 }))
for (let i = 0; ; i++) {
  const name = `${prefix}${i}`
  accounts.add(name, {}, { name: 'writer', via: 'command' })
  writeSync(1, `${name}\n`)
  await pause(1) // for the others that write
}
