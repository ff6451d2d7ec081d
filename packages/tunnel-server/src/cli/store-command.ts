import { userInfo } from 'node:os'
import { addOptions, type Command, givenFlags } from 'tunnel-command'
import { type OptionsOf, type OptionTable, resolveOptions } from 'tunnel-protocol'
import type { Actor } from '../accounts/account.js'
import { serverOptions } from '../options.js'
import { serversDataFolder } from '../store/data-folder.js'
import { Database } from '../store/database.js'
import { readOptions } from './read-options.js'

/** How long a command waits for others that write, in milliseconds. */
const BUSY_MS = 10_000

/** How a command finds what the server keeps: as the server does. */
const whereOptions = { dataDir: serverOptions.dataDir, config: serverOptions.config }

/**
 * Give `parent` a command that works on the store, whether the server runs or not. `usage`: its name and arguments, as in `add <name>`. `run` gets the arguments and the values
 * of `options`, and returns what is printed.
 */
export function storeCommand<T extends OptionTable>(
  parent: Command,
  usage: string,
  description: string,
  options: T,
  run: (database: Database, options: OptionsOf<T>, ...words: Array<string | undefined>) => string,
): Command {
  const command = parent.command(usage).description(description)
  addOptions(command, { ...options, ...whereOptions })
  command.action(async (...given: unknown[]) => {
    const words = given.filter((each): each is string => typeof each === 'string')
    const flags = givenFlags(command)
    const values = resolveOptions(options, flags, {})
    const above = givenFlags(rootOf(command))
    const where = { dataDir: flags.dataDir ?? above.dataDir, config: flags.config ?? above.config }
    const database = Database.open(serversDataFolder((await readOptions(where)).dataDir), {
      create: false,
      busyMs: BUSY_MS,
    })
    try {
      process.stdout.write(run(database, values, ...words))
    } finally {
      database.close()
    }
  })
  return command
}

/** Who runs a command, for the audit. */
export function whoRuns(): Actor {
  return { name: userName(), via: 'command' }
}

function userName(): string {
  try {
    return userInfo().username
  } catch {
    return `user ${process.getuid?.() ?? 'unknown'}` // one that the system has no name for
  }
}

function rootOf(command: Command): Command {
  let root = command
  while (root.parent !== null) root = root.parent
  return root
}
