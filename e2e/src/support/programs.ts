import { existsSync } from 'node:fs'
import { join } from 'node:path'

const folders = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/usr/local/sbin'].filter((dir) => dir !== '')
const inCi = ['true', '1'].includes(process.env.CI ?? '')

/** Where a command is; `<NAME>_PATH` in the environment names another one than the system's. */
export function find(command: string): string | undefined {
  const given = process.env[`${command.toUpperCase().replaceAll('-', '_')}_PATH`]
  const paths = given === undefined ? folders.map((dir) => join(dir, command)) : [given]
  return paths.find((path) => existsSync(path))
}

/** For a test's `skip`: why it can't run, or false. In CI a missing program is a failure, not a skip. */
export function skipWithout(command: string, apt = command): string | false {
  return find(command) === undefined && !inCi ? `no ${command} here (apt-get install ${apt})` : false
}
