import type { Command } from 'tunnel-command'
import { storeCommand } from './store-command.js'

/** `tunnel-server backup <file>`. */
export function addBackupCommand(program: Command): void {
  storeCommand(
    program,
    'backup <file>',
    'write a copy of accounts, tokens and audit to a new file, while the server runs',
    {},
    (database, _, file) => {
      database.backup(file!)
      return `${file} is a copy of ${database.path}\n`
    },
  )
}
